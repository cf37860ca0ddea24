//! The one call of OpenSSL's that is needed and that the crate `openssl` doesn't have.

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{SslContext, SslContextBuilder};
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

unsafe extern "C" {
    fn SSL_CTX_set_cert_cb(
        context: *mut c_void,
        callback: Option<unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int>,
        argument: *mut c_void,
    );
}

/// Whether the server has asked for a client certificate.
#[derive(Clone, Debug, Default)]
pub struct CertificateRequest(Arc<AtomicBool>);

impl CertificateRequest {
    /// Of the session that is made with `context`.
    pub fn of(context: &mut SslContextBuilder) -> Result<CertificateRequest, ErrorStack> {
        static KEEPER: OnceLock<Index<SslContext, Arc<AtomicBool>>> = OnceLock::new();
        let keeper = match KEEPER.get() {
            Some(&keeper) => keeper,
            None => {
                let keeper = SslContext::new_ex_index()?;
                *KEEPER.get_or_init(|| keeper)
            }
        };
        let request = CertificateRequest::default();
        context.set_ex_data(keeper, request.0.clone());
        // SAFETY: the context is one of OpenSSL's, and keeps what the callback gets as long as it could be called.
        unsafe {
            SSL_CTX_set_cert_cb(
                context.as_ptr().cast(),
                Some(note),
                Arc::as_ptr(&request.0).cast::<c_void>().cast_mut(),
            );
        }
        Ok(request)
    }

    pub fn was_made(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Called when a client certificate is about to be chosen. 1 is to go on.
unsafe extern "C" fn note(_session: *mut c_void, request: *mut c_void) -> c_int {
    // SAFETY: this is the pointer that was registered with the function.
    let request = unsafe { &*request.cast::<AtomicBool>() };
    request.store(true, Relaxed);
    1
}
