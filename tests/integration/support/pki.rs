//! Certificates for a test, made on the spot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

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
    serial: SerialNumber,
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
        let serial = SerialNumber::from(NEXT_SERIAL.fetch_add(1, Ordering::Relaxed));
        params.serial_number = Some(serial.clone());
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Certified { certificate, key: key.serialize_pem(), serial }
    }

    /// The list of what it has revoked, in PEM, which ends then, in seconds since 1970.
    pub fn revoke(&self, revoked: &[&Certified], end: u64) -> String {
        let time = date_time_ymd(2020, 1, 1);
        let revoked = revoked.iter().map(|certified| RevokedCertParams {
            serial_number: certified.serial.clone(),
            revocation_time: time,
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: time,
            next_update: date_time_ymd(1970, 1, 1) + Duration::from_secs(end),
            crl_number: SerialNumber::from(NEXT_SERIAL.fetch_add(1, Ordering::Relaxed)),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

fn san(name: &str) -> SanType {
    let text = Ia5String::try_from(name).unwrap();
    if name.contains("://") { SanType::URI(text) } else { SanType::DnsName(text) }
}
