//! TLS options and the files they name.

use std::path::Path;

use super::super::{RootCertificates, SslCertMode, SslMode, SslNegotiation, TlsVersion};
use super::world;

#[test]
fn files_are_in_the_home_directory_unless_named() {
    let tls = world().endpoint("").tls;
    let in_home = |file| Some(Path::new("/home/app/.postgresql").join(file));
    assert_eq!(tls.certificate, in_home("postgresql.crt"));
    assert_eq!(tls.key, in_home("postgresql.key"));
    assert_eq!(tls.revocation_list, in_home("root.crl"));
    assert_eq!(tls.revocation_dir, None);
    assert_eq!(tls.root_certificates, RootCertificates::File(in_home("root.crt").unwrap()));
    assert_eq!(tls.key_password, None);

    let tls = world()
        .endpoint(
            "sslcert=/c sslkey=/k sslpassword=p sslrootcert=/r sslcrl=/l sslcrldir=/d \
             sslkeylogfile=/log sslsni=0 sslcertmode=require",
        )
        .tls;
    assert_eq!(tls.certificate.as_deref(), Some(Path::new("/c")));
    assert_eq!(tls.key.as_deref(), Some(Path::new("/k")));
    assert_eq!(tls.key_password.map(|p| p.reveal().to_owned()).as_deref(), Some("p"));
    assert_eq!(tls.root_certificates, RootCertificates::File("/r".into()));
    assert_eq!(tls.revocation_list.as_deref(), Some(Path::new("/l")));
    assert_eq!(tls.revocation_dir.as_deref(), Some(Path::new("/d")));
    assert_eq!(tls.key_log_file.as_deref(), Some(Path::new("/log")));
    assert!(!tls.send_server_name);
    assert_eq!(tls.certificate_mode, SslCertMode::Require);

    assert_eq!(world().endpoint("sslcrldir=/d").tls.revocation_list, None);
}

#[test]
fn without_a_home_directory_nothing_is_looked_for() {
    let tls = world().homeless().endpoint("user=u").tls;
    assert_eq!(tls.certificate, None);
    assert_eq!(tls.key, None);
    assert_eq!(tls.revocation_list, None);
    assert_eq!(tls.root_certificates, RootCertificates::Nowhere);
}

#[test]
fn modes_are_ordered_by_security() {
    let modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
        .map(|mode| world().endpoint(&format!("sslmode={mode}")).tls.mode);
    assert!(modes.is_sorted());
    assert_eq!(modes[0], SslMode::Disable);
    assert_eq!(modes[5], SslMode::VerifyFull);
}

#[test]
fn options_that_weaken_one_another_are_errors() {
    for (connstr, error) in [
        (
            "sslrootcert=system sslmode=require",
            r#"weak sslmode "require" may not be used with sslrootcert=system (use "verify-full")"#,
        ),
        (
            "sslnegotiation=direct",
            r#"weak sslmode "prefer" may not be used with sslnegotiation=direct (use "require", "verify-ca", or "verify-full")"#,
        ),
        ("ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2", "invalid SSL protocol version range"),
        ("ssl_max_protocol_version=TLSv1.1", "invalid SSL protocol version range"),
    ] {
        assert_eq!(world().error(connstr), error, "{connstr}");
    }
    let tls = world().endpoint("sslnegotiation=direct sslmode=require").tls;
    assert_eq!(tls.negotiation, SslNegotiation::Direct);
    let tls = world().endpoint("sslmode=verify-full sslrootcert=system").tls;
    assert_eq!(tls.root_certificates, RootCertificates::System);
}

#[test]
fn protocol_versions_ignore_case_and_may_be_empty() {
    let versions = |connstr: &str| {
        let tls = world().endpoint(connstr).tls;
        (tls.min_version, tls.max_version)
    };
    assert_eq!(versions(""), (Some(TlsVersion::V1_2), None));
    assert_eq!(
        versions("ssl_min_protocol_version=tlsV1 ssl_max_protocol_version=TLSv1"),
        (Some(TlsVersion::V1_0), Some(TlsVersion::V1_0))
    );
    assert_eq!(
        versions("ssl_min_protocol_version='' ssl_max_protocol_version=TLSv1.1"),
        (None, Some(TlsVersion::V1_1))
    );
}
