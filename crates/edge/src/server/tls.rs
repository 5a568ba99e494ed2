//! A certificate authority of one's own: made once, and used to issue a certificate for whatever name a client asks
//! for, so that code with hard-coded AWS hosts can be led here over https.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use tokio_rustls::TlsAcceptor;

const CA_FILE: &str = "ca.pem";
const CA_KEY_FILE: &str = "ca.key";
const CA_DAYS: i64 = 3650;
const LEAF_DAYS: i64 = 365;
/// A certificate with less than this left is issued anew.
const RENEWAL_DAYS: i64 = 30;
/// More names than this at once are somebody playing; the certificates are forgotten and issued again when needed.
const MAX_CACHED_NAMES: usize = 1024;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authority's files cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refuses.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// The local authority and what accepts TLS connections with its certificates.
#[derive(Clone)]
pub struct LocalTls {
    ca_pem: Arc<str>,
    ca_path: Option<PathBuf>,
    acceptor: TlsAcceptor,
}

impl LocalTls {
    /// The authority kept in a directory (`<data>/tls`), made there when there is none: `ca.pem`, valid for ten
    /// years, and `ca.key`, which only its owner may read.
    ///
    /// # Errors
    /// The directory cannot be read or written.
    pub fn open(directory: &Path) -> Result<Self, TlsError> {
        let ca_path = directory.join(CA_FILE);
        let authority = match Authority::read(directory)? {
            Some(authority) => authority,
            None => {
                let authority = Authority::generate()?;
                authority.write(directory)?;
                authority
            }
        };
        Self::with(authority, Some(ca_path))
    }

    /// An authority that lives as long as the process.
    ///
    /// # Errors
    /// No certificate could be made.
    pub fn in_memory() -> Result<Self, TlsError> {
        Self::with(Authority::generate()?, None)
    }

    fn with(authority: Authority, ca_path: Option<PathBuf>) -> Result<Self, TlsError> {
        let ca_pem: Arc<str> = authority.pem.as_str().into();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Certificates::new(authority)?));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { ca_pem, ca_path, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// The authority's certificate, for clients to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Where the certificate lies; `None` for one in memory.
    pub fn ca_path(&self) -> Option<&Path> {
        self.ca_path.as_deref()
    }

    /// What [`super::Server::serve`] needs.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn generate() -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = ca_params(&key);
        set_validity(&mut params, CA_DAYS)?;
        let certificate = params.self_signed(&key)?;
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Ok(Self { pem, der, issuer: Issuer::new(params, key) })
    }

    /// The authority in a directory; `None` when there is none, or when its two files do not belong together.
    fn read(directory: &Path) -> Result<Option<Self>, TlsError> {
        let (Some(pem), Some(key)) =
            (read_if_there(&directory.join(CA_FILE))?, read_if_there(&directory.join(CA_KEY_FILE))?)
        else {
            return Ok(None);
        };
        let (Ok(der), Ok(key)) = (CertificateDer::from_pem_slice(pem.as_bytes()), KeyPair::from_pem(&key)) else {
            return Ok(None);
        };
        let public_key = key.subject_public_key_info();
        if !der.windows(public_key.len()).any(|part| part == public_key) {
            return Ok(None);
        }
        Ok(Some(Self { pem, der, issuer: Issuer::new(ca_params(&key), key) }))
    }

    fn write(&self, directory: &Path) -> Result<(), TlsError> {
        fs::create_dir_all(directory).map_err(|source| TlsError::File { path: directory.to_owned(), source })?;
        // The key first: a certificate without its key would be trusted and useless.
        write_file(&directory.join(CA_KEY_FILE), &self.issuer.key().serialize_pem(), 0o600)?;
        write_file(&directory.join(CA_FILE), &self.pem, 0o644)
    }
}

/// What identifies the authority in the certificates it issues; the same for the same key, so that it need not be
/// read back from the certificate.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Pilvi");
    let fingerprint = hex::encode(params.key_identifier(key).get(..4).unwrap_or_default());
    name.push(DnType::CommonName, format!("Pilvi local authority {fingerprint}"));
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params
}

/// From yesterday, as clocks differ, for so many days.
fn set_validity(params: &mut CertificateParams, days: i64) -> Result<(), TlsError> {
    let day = |days: i64| {
        let date = (real_now() + SignedDuration::from_hours(24 * days)).to_zoned(TimeZone::UTC).date();
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = day(-1);
    params.not_after = day(days);
    Ok(())
}

/// Clients check certificates against the real time, so a clock that was moved must not matter.
#[allow(clippy::disallowed_methods, reason = "certificates are about the real time")]
fn real_now() -> Timestamp {
    Timestamp::now()
}

fn read_if_there(path: &Path) -> Result<Option<String>, TlsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TlsError::File { path: path.to_owned(), source }),
    }
}

/// Writes a file in whole or not at all, with these permissions from its first byte on.
fn write_file(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let write = || {
        let _ = fs::remove_file(&temporary);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        let mut file = options.open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// Issues certificates on demand, all for one key, as only the name matters.
struct Certificates {
    authority: Authority,
    key: KeyPair,
    signing_key: Arc<dyn SigningKey>,
    issued: Mutex<HashMap<String, Issued>>,
}

struct Issued {
    key: Arc<CertifiedKey>,
    renew_at: Timestamp,
}

impl Certificates {
    fn new(authority: Authority) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing_key = ring::sign::any_ecdsa_type(&der)?;
        Ok(Self { authority, key, signing_key, issued: Mutex::new(HashMap::new()) })
    }

    fn for_name(&self, name: &str) -> Result<Arc<CertifiedKey>, TlsError> {
        let now = real_now();
        if let Some(issued) = self.issued.lock().get(name).filter(|issued| now < issued.renew_at) {
            return Ok(issued.key.clone());
        }
        let key = Arc::new(self.issue(name)?);
        let renew_at = now + SignedDuration::from_hours(24 * (LEAF_DAYS - RENEWAL_DAYS));
        let mut issued = self.issued.lock();
        if issued.len() >= MAX_CACHED_NAMES {
            issued.clear();
        }
        issued.insert(name.to_owned(), Issued { key: key.clone(), renew_at });
        Ok(key)
    }

    fn issue(&self, name: &str) -> Result<CertifiedKey, TlsError> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        if name == "localhost" {
            // Also what clients get that connect to an address, which sends no name.
            params.subject_alt_names.extend([
                SanType::DnsName("*.localhost".try_into()?),
                SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            ]);
        }
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, "Pilvi");
        params.distinguished_name = subject;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let mut serial = uuid::Uuid::new_v4().into_bytes();
        serial[0] &= 0x7f; // positive
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        set_validity(&mut params, LEAF_DAYS)?;
        let leaf = params.signed_by(&self.key, &self.authority.issuer)?;
        let chain = vec![leaf.der().clone(), self.authority.der.clone()];
        Ok(CertifiedKey::new(chain, self.signing_key.clone()))
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = client_hello.server_name().map(str::to_ascii_lowercase);
        match self.for_name(name.as_deref().unwrap_or("localhost")) {
            Ok(key) => Some(key),
            Err(error) => {
                tracing::warn!(?name, %error, "no certificate");
                None
            }
        }
    }
}
