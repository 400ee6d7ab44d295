//! The one way we trust a server: rustls on aws-lc-rs, with Mozilla's roots compiled in.
//!
//! Compiled in because scanning the system's two hundred certificate files costs a Lambda about 45 ms. The AWS SDK keeps
//! to the system's roots, in one file that the template names.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// An authority that cannot be read, or a provider that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadTls(String);

/// How to connect to a server that the public authorities vouch for, or those of `authorities_pem` (managed databases
/// have authorities of their own).
///
/// # Errors
/// When `authorities_pem` is not a list of PEM certificates.
pub fn client_config(authorities_pem: Option<&str>) -> Result<ClientConfig, BadTls> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = authorities_pem {
        let known = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| BadTls(error.to_string()))?;
            roots.add(certificate).map_err(|error| BadTls(error.to_string()))?;
        }
        if roots.len() == known {
            return Err(BadTls("there is no certificate in it: expected -----BEGIN CERTIFICATE-----".to_owned()));
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BadTls(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::client_config;

    #[test]
    fn the_public_roots_are_there_without_asking_the_system() {
        assert!(client_config(None).is_ok());
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for pem in ["", "hunter2", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let error = client_config(Some(pem)).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| !error.contains("hunter2")), "{pem}");
        }
    }
}
