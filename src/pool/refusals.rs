//! What a connection string may ask for that we can't do (yet). Silently doing something else would be worse.

use crate::conninfo::{ChannelBinding, Endpoint, LoadBalanceHosts, SslMode, TargetSessionAttrs};

/// The first such thing.
pub fn check(endpoint: &Endpoint) -> Result<(), &'static str> {
    let over_network = endpoint.hosts.iter().any(|host| !host.address.is_local());
    if over_network && matches!(endpoint.tls.mode, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) {
        return Err("sslmode values that demand TLS are not supported yet");
    }
    if endpoint.channel_binding == ChannelBinding::Require {
        return Err("channel_binding=require is not supported yet");
    }
    if endpoint.target_session_attrs != TargetSessionAttrs::Any {
        return Err("target_session_attrs other than \"any\" are not supported yet");
    }
    if endpoint.load_balance_hosts != LoadBalanceHosts::Disable {
        return Err("load_balance_hosts is not supported yet");
    }
    if endpoint.requirepeer.is_some() {
        return Err("requirepeer is not supported yet");
    }
    Ok(())
}
