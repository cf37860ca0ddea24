//! From a connection's settings to OpenSSL's: whom to trust, what to show, which versions to speak (libpq,
//! `initialize_SSL`).
//!
//! Made anew for each connection, so that files which have been replaced are noticed.

use super::{TlsError, forget_errors};
use crate::conninfo::{RootCertificates, Secret, SslCertMode, SslMode, TlsSettings, TlsVersion};
use crate::pg::openssl::CertificateRequest;
use crate::plain_file::{self, Pinned};
use crate::pool::connection::system_message;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode as Behaviour, SslOptions, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509Lookup;
use openssl::x509::verify::X509VerifyFlags;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What PostgreSQL's protocol is called in TLS, with its length in front.
const ALPN: &[u8] = b"\x0apostgresql";

/// OpenSSL's context of one session, and of its cancel requests, and what else has to be known of it.
#[derive(Clone, Debug)]
pub struct Context {
    pub context: SslContext,
    pub certificate: ClientCertificate,
}

/// What becomes of the client certificate.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// Whether there is one to be sent.
    pub is_there: bool,
    pub request: CertificateRequest,
}

impl Context {
    pub fn new(settings: &TlsSettings) -> Result<Context, TlsError> {
        forget_errors();
        let new = SslContextBuilder::new(SslMethod::tls_client());
        let mut context = new.map_err(|errors| TlsError::because("could not create SSL context", &errors))?;
        // What is to be sent may have moved, and be more, when a write is tried again.
        context.set_mode(Behaviour::ACCEPT_MOVING_WRITE_BUFFER | Behaviour::ENABLE_PARTIAL_WRITE);
        context.set_options(SslOptions::NO_COMPRESSION);
        // One system call takes all that has arrived, not one for each record's head and one for its body.
        context.set_read_ahead(true);
        let offered = context.set_alpn_protos(ALPN);
        offered.map_err(|errors| TlsError::because("could not set SSL ALPN extension", &errors))?;
        set_versions(&mut context, settings)?;
        set_trust(&mut context, settings)?;
        let is_there = set_certificate(&mut context, settings)?;
        let request = CertificateRequest::of(&mut context)
            .map_err(|errors| TlsError::because("could not set up SSL context", &errors))?;
        if let Some(file) = &settings.key_log_file {
            log_keys(&mut context, file)?;
        }
        Ok(Context { context: context.build(), certificate: ClientCertificate { is_there, request } })
    }
}

fn set_versions(context: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), TlsError> {
    if let Some(version) = settings.min_version {
        let set = context.set_min_proto_version(Some(number(version)));
        set.map_err(|errors| TlsError::because("could not set minimum SSL protocol version", &errors))?;
    }
    if let Some(version) = settings.max_version {
        let set = context.set_max_proto_version(Some(number(version)));
        set.map_err(|errors| TlsError::because("could not set maximum SSL protocol version", &errors))?;
    }
    Ok(())
}

fn number(version: TlsVersion) -> SslVersion {
    match version {
        TlsVersion::V1_0 => SslVersion::TLS1,
        TlsVersion::V1_1 => SslVersion::TLS1_1,
        TlsVersion::V1_2 => SslVersion::TLS1_2,
        TlsVersion::V1_3 => SslVersion::TLS1_3,
    }
}

/// Whose signatures count. If there are root certificates, the server's is verified whatever `sslmode` is; if there are
/// none, that must be what `sslmode` allows.
fn set_trust(context: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), TlsError> {
    let must_verify = settings.mode >= SslMode::VerifyCa;
    let file = match &settings.root_certificates {
        RootCertificates::System => {
            let loaded = context.set_default_verify_paths();
            loaded.map_err(|errors| TlsError::because("could not load system root certificate paths", &errors))?;
            context.set_verify(SslVerifyMode::PEER);
            return Ok(());
        }
        RootCertificates::File(file) if fs::metadata(file).is_ok() => file,
        RootCertificates::File(file) if must_verify => {
            return Err(TlsError(format!("root certificate file \"{}\" does not exist\n{REMEDIES}", file.display())));
        }
        RootCertificates::Nowhere if must_verify => {
            let missing = "could not get home directory to locate root certificate file";
            return Err(TlsError(format!("{missing}\n{REMEDIES}")));
        }
        RootCertificates::File(_) | RootCertificates::Nowhere => {
            context.set_verify(SslVerifyMode::NONE);
            return Ok(());
        }
    };
    let unreadable = format!("could not read root certificate file \"{}\"", file.display());
    let pinned = Pinned::open(file).map_err(|error| TlsError(format!("{unreadable}: {}", system_message(&error))))?;
    context.set_ca_file(name(pinned.path())?).map_err(|errors| TlsError::because(&unreadable, &errors))?;
    set_revocations(context, settings)?;
    context.set_verify(SslVerifyMode::PEER);
    Ok(())
}

const REMEDIES: &str = "Either provide the file, use the system's trusted roots with sslrootcert=system, or change sslmode \
                        to disable server certificate verification.";

/// Lists that can't be read are as if they weren't there. If one can, each authority of a chain must have one.
fn set_revocations(context: &mut SslContextBuilder, settings: &TlsSettings) -> Result<(), TlsError> {
    let dir = settings.revocation_dir.as_deref();
    let pinned = match settings.revocation_list.as_deref().map(Pinned::open) {
        Some(Err(error)) if plain_file::is_other(&error) => {
            return Err(not_plain("certificate revocation list", settings.revocation_list.as_deref()));
        }
        Some(Ok(pinned)) => Some(pinned),
        _ => None,
    };
    let file = pinned.as_ref().map(Pinned::path);
    dir.map_or(Ok(()), check_lists)?;
    let loaded = (|| -> Result<bool, ErrorStack> {
        let store = context.cert_store_mut();
        let mut loaded = false;
        if let Some(file) = file.and_then(Path::to_str) {
            store.add_lookup(X509Lookup::file())?.load_crl_file(file, SslFiletype::PEM)?;
            loaded = true;
        }
        if let Some(dir) = dir.and_then(Path::to_str) {
            store.add_lookup(X509Lookup::hash_dir())?.add_dir(dir, SslFiletype::PEM)?;
            loaded = true;
        }
        Ok(loaded)
    })();
    if loaded.is_ok_and(|loaded| loaded) {
        let flags = X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL;
        let set = context.cert_store_mut().set_flags(flags);
        set.map_err(|errors| TlsError::because("could not set up certificate revocation lists", &errors))?;
    }
    Ok(())
}

fn not_plain(what: &str, file: Option<&Path>) -> TlsError {
    TlsError(format!("{what} file \"{}\" is not a regular file", file.unwrap_or(Path::new("")).display()))
}

/// OpenSSL opens the lists of a directory when it needs them, by their names.
fn check_lists(dir: &Path) -> Result<(), TlsError> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_list =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension.as_encoded_bytes().starts_with(b"r"));
    let is_other = |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    match entries.map(|entry| entry.path()).find(|path| is_list(path) && is_other(path)) {
        Some(path) => Err(not_plain("certificate revocation list", Some(&path))),
        None => Ok(()),
    }
}

/// Loads the client certificate and its key. Returns whether there is one.
fn set_certificate(context: &mut SslContextBuilder, settings: &TlsSettings) -> Result<bool, TlsError> {
    let wanted = settings.certificate_mode != SslCertMode::Disable;
    let Some(file) = settings.certificate.as_deref().filter(|_| wanted) else {
        return Ok(false);
    };
    match fs::metadata(file) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(false),
        Err(error) => {
            let (file, reason) = (file.display(), system_message(&error));
            return Err(TlsError(format!("could not open certificate file \"{file}\": {reason}")));
        }
    }
    let unreadable = format!("could not read certificate file \"{}\"", file.display());
    let pinned = Pinned::open(file).map_err(|error| TlsError(format!("{unreadable}: {}", system_message(&error))))?;
    context
        .set_certificate_chain_file(name(pinned.path())?)
        .map_err(|errors| TlsError::because(&unreadable, &errors))?;
    if let Some(file) = &settings.key {
        let unusable = |errors: &ErrorStack| {
            TlsError::because(&format!("could not load private key file \"{}\"", file.display()), errors)
        };
        let key = read_key(file, settings.key_password.as_ref(), unusable)?;
        // Taking the key is where OpenSSL finds that it isn't the certificate's.
        let mismatch = |errors: ErrorStack| {
            let what = format!("certificate does not match private key file \"{}\"", file.display());
            TlsError::because(&what, &errors)
        };
        context.set_private_key(&key).and_then(|()| context.check_private_key()).map_err(mismatch)?;
    }
    Ok(true)
}

/// The key in a file: PEM, or else DER.
fn read_key(
    file: &Path,
    password: Option<&Secret>,
    unusable: impl Fn(&ErrorStack) -> TlsError,
) -> Result<PKey<Private>, TlsError> {
    let shown = file.display();
    let metadata = fs::metadata(file).map_err(|error| {
        TlsError(match error.kind() {
            ErrorKind::NotFound => format!("certificate present, but not private key file \"{shown}\""),
            _ => format!("could not stat private key file \"{shown}\": {}", system_message(&error)),
        })
    })?;
    check_access(&metadata, file)?;
    let (bytes, metadata) = plain_file::read(file).map_err(|error| {
        TlsError(format!("could not load private key file \"{shown}\": {}", system_message(&error)))
    })?;
    check_access(&metadata, file)?; // it may be another one by now
    // Without a callback, OpenSSL would ask for the password on a terminal.
    let give_password = |buffer: &mut [u8]| -> Result<usize, ErrorStack> {
        let password = password.map_or("", Secret::reveal).as_bytes();
        let length = password.len().min(buffer.len());
        buffer[..length].copy_from_slice(&password[..length]);
        Ok(length)
    };
    PKey::private_key_from_pem_callback(&bytes, give_password).or_else(|errors| {
        PKey::private_key_from_der(&bytes)
            .or_else(|_| PKey::private_key_from_pkcs8_callback(&bytes, give_password))
            .map_err(|_| unusable(&errors))
    })
}

/// A key that others can read isn't used.
fn check_access(key: &Metadata, file: &Path) -> Result<(), TlsError> {
    let shown = file.display();
    if !key.is_file() {
        return Err(TlsError(format!("private key file \"{shown}\" is not a regular file")));
    }
    let forbidden = if key.uid() == 0 { 0o037 } else { 0o077 };
    if key.mode() & forbidden != 0 {
        return Err(TlsError(format!(
            "private key file \"{shown}\" has group or world access; file must have permissions u=rw (0600) or less if \
             owned by the current user, or permissions u=rw,g=r (0640) or less if owned by root"
        )));
    }
    Ok(())
}

/// Has the session's keys appended to a file, which must be writable to begin with; what becomes of it later is nobody's
/// concern.
fn log_keys(context: &mut SslContextBuilder, file: &Path) -> Result<(), TlsError> {
    let append = |file: &Path| {
        plain_file::open(file, OpenOptions::new().append(true).create(true).mode(0o600)).map(|(log, _)| log)
    };
    append(file).map_err(|error: io::Error| {
        let (file, reason) = (file.display(), system_message(&error));
        TlsError(format!("could not open SSL key logging file \"{file}\": {reason}"))
    })?;
    let file = file.to_owned();
    context.set_keylog_callback(move |_, line| {
        if let Ok(mut log) = append(&file) {
            let _ = log.write_all(format!("{line}\n").as_bytes());
        }
    });
    Ok(())
}

/// The name of a file in the only form that the crate `openssl` takes without a panic.
fn name(file: &Path) -> Result<&str, TlsError> {
    file.to_str().ok_or_else(|| TlsError(format!("file name \"{}\" is not valid UTF-8", file.display())))
}
