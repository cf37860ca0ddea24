//! The C entry points, under the names that the C PL/Proxy gave them, so that existing catalogs find them.
//!
//! What it owns: the border. Here, and nowhere else, a `Result` becomes an `ereport`. What it must not know: how any of
//! it is done.

use crate::cluster;
use crate::cluster::fdw_options::{self, Owner};
use crate::conninfo::Settings;
use crate::error::{Problem, Result};
use crate::executor::{self, explain};
use crate::function;
use crate::hash;
use crate::pg::calls::{self, Call};
use crate::pg::datum;
use crate::pg::elog::boundary;
use crate::pg::encoding;
use crate::pg::memory::OwnedContext;
use crate::pg::options::{self, OptionOwner};
use crate::pg::roles;
use crate::pg::row_type::{ResultShape, result_shape};
use crate::views;
use pgrx::pg_sys::{self, Datum, Oid};

/// Declares the C function `$name(fcinfo)`, version 1 calling convention, which runs `$body`.
macro_rules! entry_point {
    ($(#[$doc:meta])* $name:ident, $info:ident, $body:expr) => {
        #[doc(hidden)]
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $info() -> &'static pg_sys::Pg_finfo_record {
            const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
            &VERSION_1
        }

        $(#[$doc])*
        ///
        /// # Safety
        /// To be called by PostgreSQL's function manager only.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
            // SAFETY: `fcinfo` is what PostgreSQL passed, and this is the whole body of the function that it called.
            unsafe { boundary(move || ($body)(Call::new(fcinfo))) }
        }
    };
}

entry_point!(
    /// `plproxy_call_handler() returns language_handler`: runs a function of the language.
    plproxy_call_handler, pg_finfo_plproxy_call_handler, call
);
entry_point!(
    /// `plproxy_validator(oid)`: checks a function that is being created.
    plproxy_validator, pg_finfo_plproxy_validator, validate
);
entry_point!(
    /// `plproxy_fdw_validator(text[], oid)`: checks options of the wrapper, its servers and user mappings.
    plproxy_fdw_validator, pg_finfo_plproxy_fdw_validator, validate_options
);

entry_point!(
    /// `plproxy_xxh3(text) returns int8`: see [`hash`].
    plproxy_xxh3_text, pg_finfo_plproxy_xxh3_text,
    |call| hashed(call, |text| encoding::server_to_wire(&datum::varlena_bytes(text)).into_owned())
);
entry_point!(
    /// `plproxy_xxh3(bytea) returns int8`.
    plproxy_xxh3_bytea, pg_finfo_plproxy_xxh3_bytea,
    |call| hashed(call, datum::varlena_bytes)
);
entry_point!(
    /// `plproxy_xxh3(int8) returns int8`.
    plproxy_xxh3_int8, pg_finfo_plproxy_xxh3_int8,
    |call| hashed(call, |number| number.value().to_le_bytes())
);
entry_point!(
    /// `plproxy_xxh3(uuid) returns int8`.
    plproxy_xxh3_uuid, pg_finfo_plproxy_xxh3_uuid,
    |call| hashed(call, datum::uuid_bytes)
);
entry_point!(
    /// `plproxy_route(cluster text, hash int8)`: where a hash value goes.
    plproxy_route, pg_finfo_plproxy_route, route
);

entry_point!(
    /// `plproxy_connections() returns setof record`: see [`views::connections`].
    plproxy_connections, pg_finfo_plproxy_connections, views::connections
);
entry_point!(
    /// `plproxy_clusters() returns setof record`: see [`views::clusters`].
    plproxy_clusters, pg_finfo_plproxy_clusters, views::clusters
);
entry_point!(
    /// `plproxy_functions() returns setof record`: see [`views::functions`].
    plproxy_functions, pg_finfo_plproxy_functions, views::functions
);
entry_point!(
    /// `plproxy_disconnect(cluster text) returns int4`: see [`views::disconnect`].
    plproxy_disconnect, pg_finfo_plproxy_disconnect, views::disconnect
);
entry_point!(
    /// `plproxy_explain(call text, "analyze" boolean, format text) returns setof text`: see [`views::explain_call`].
    plproxy_explain, pg_finfo_plproxy_explain, views::explain_call
);
entry_point!(
    /// `plproxy_ping(cluster text) returns setof record`: see [`views::ping`].
    plproxy_ping, pg_finfo_plproxy_ping, views::ping
);
entry_point!(
    /// `plproxy_stat() returns setof record`: see [`views::stat`].
    plproxy_stat, pg_finfo_plproxy_stat, views::stat
);
entry_point!(
    /// `plproxy_latency() returns setof record`: see [`views::latency`].
    plproxy_latency, pg_finfo_plproxy_latency, views::latency
);
entry_point!(
    /// `plproxy_stat_reset() returns void`: see [`views::stat_reset`].
    plproxy_stat_reset, pg_finfo_plproxy_stat_reset, views::stat_reset
);

fn call(call: Call) -> Result<Datum> {
    if call.is_trigger() {
        return Err(Problem::Trigger.into());
    }
    let function = function::get(call.function())?;
    let result = match explain::takes_over(call) {
        true => explain::take_over(&function, call),
        false => function.usage.count(|| executor::execute(&function, call)),
    };
    result.map_err(|problem| crate::error::Error::from(problem).in_function(&function.label))
}

fn validate(call: Call) -> Result<Datum> {
    let function = oid(call, 0)?;
    if calls::validator_may_check(call.function(), function) {
        function::validate(function, calls::check_function_bodies())?;
    }
    Ok(Datum::null())
}

fn validate_options(call: Call) -> Result<Datum> {
    let options = options::text_array(call.argument(0).ok_or(Problem::OptionsNull)?);
    let owner = match OptionOwner::of_catalog(oid(call, 1)?) {
        OptionOwner::Wrapper => Owner::Wrapper,
        OptionOwner::Server => Owner::Server,
        OptionOwner::UserMapping => Owner::UserMapping,
        OptionOwner::Other => return Ok(Datum::from(true)),
    };
    let no_numbers = fdw_options::validate(owner, &options, roles::is_superuser())?;
    cluster::warn_of_no_numbers(None, &no_numbers);
    Ok(Datum::from(true))
}

/// The functions that come here are strict.
fn hashed<B: AsRef<[u8]>>(call: Call, bytes: impl FnOnce(Datum) -> B) -> Result<Datum> {
    Ok(call.argument(0).map_or_else(|| call.null(), |value| Datum::from(hash::hash(bytes(value).as_ref()))))
}

/// The partition's number, and its connection string without secrets; NULL to those who may not see it.
fn route(call: Call) -> Result<Datum> {
    let (Some(name), Some(hash)) = (call.argument(0), call.argument(1)) else {
        return Ok(call.null());
    };
    let name = encoding::from_server(&datum::varlena_bytes(name));
    let (partition, connstr) = cluster::route(&name, hash.value() as i64)?;
    let endpoint = connstr.map(|connstr| Settings::parse(&connstr).map(|settings| settings.to_string()));
    let endpoint = endpoint.transpose().map_err(Problem::from)?;
    let scratch = OwnedContext::for_scratch(c"plproxy route");
    let ResultShape::Row(row_type) = result_shape(call.function(), &scratch) else {
        return Err(Problem::WrongContext.into());
    };
    let is_null = endpoint.is_none();
    let endpoint = endpoint.map_or(Datum::null(), |endpoint| datum::text(&endpoint));
    Ok(row_type.form(&mut [Datum::from(partition as i32), endpoint], &mut [false, is_null]))
}

fn oid(call: Call, argument: usize) -> Result<Oid> {
    let value = call.argument(argument).ok_or(Problem::OptionsNull)?;
    Ok(Oid::from(value.value() as u32))
}
