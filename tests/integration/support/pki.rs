//! Certificates for a test, made on the spot.

use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd};

/// A CA.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate in PEM.
    pub pem: String,
}

/// A certificate and its private key, in PEM.
pub struct Certified {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these DNS names and URIs.
    pub fn certify(&self, names: &[&str]) -> Certified {
        self.certify_until(names, u64::from(u32::MAX))
    }

    /// A certificate that ends then, in seconds since 1970.
    pub fn certify_until(&self, names: &[&str], end: u64) -> Certified {
        self.sign(CertificateParams::default(), names, end)
    }

    /// A certificate whose subject has that common name, for no host.
    pub fn certify_user(&self, name: &str) -> Certified {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(params, &[], u64::from(u32::MAX))
    }

    fn sign(&self, mut params: CertificateParams, names: &[&str], end: u64) -> Certified {
        params.subject_alt_names = names.iter().map(|name| san(name)).collect();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(end);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Certified { certificate, key: key.serialize_pem() }
    }
}

fn san(name: &str) -> SanType {
    let text = Ia5String::try_from(name).unwrap();
    if name.contains("://") { SanType::URI(text) } else { SanType::DnsName(text) }
}
