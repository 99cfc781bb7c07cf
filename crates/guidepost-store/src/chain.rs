//! The hash chain over a run's history: what seals a record, and what checking recomputes.
//!
//! A record's digest covers the exact bytes of its payload and a salt, so that a payload can be erased later without the
//! digest betraying a guess at it. A record's hash covers its digest and the hash before it, so that the last hash stands
//! for the whole history.

use guidepost_core::id::{RunId, Seq};
use guidepost_core::time::Timestamp;

/// A BLAKE3 hash.
pub(crate) type Hash = [u8; 32];

/// Random bytes that are hashed with a payload.
pub(crate) type Salt = [u8; 16];

/// A payload's bytes, with what seals them.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    /// JSON, exactly as stored and hashed.
    pub(crate) bytes: Vec<u8>,
    /// Hashed before the bytes.
    pub(crate) salt: Salt,
    /// The hash of salt and bytes.
    pub(crate) digest: Hash,
}

impl Payload {
    /// Draws a salt for the bytes, and digests both.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let salt = fresh_salt();
        let digest = digest(&salt, &bytes);
        Self { bytes, salt, digest }
    }
}

/// Random bytes for one payload.
pub(crate) fn fresh_salt() -> Salt {
    uuid::Uuid::new_v4().into_bytes()
}

/// The digest of a payload's exact bytes.
pub(crate) fn digest(salt: &[u8], payload: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt).update(payload);
    hasher.finalize().into()
}

/// What the first record of a run is chained to. It names the run, so that no history passes for another run's.
pub(crate) fn genesis(run: RunId) -> Hash {
    blake3::hash(run.0.as_bytes()).into()
}

/// What one record adds to the chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    /// The record's number.
    pub(crate) seq: Seq,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// Its kind.
    pub(crate) kind: &'a str,
    /// Its payload's digest.
    pub(crate) digest: &'a [u8],
}

impl Link<'_> {
    /// The hash of this record, chained to the hash before it. The kind comes last, since it alone has no fixed length.
    pub(crate) fn hash(&self, before: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(before)
            .update(&self.seq.0.to_le_bytes())
            .update(&self.at.0.to_le_bytes())
            .update(self.digest)
            .update(self.kind.as_bytes());
        hasher.finalize().into()
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_everything_it_chains() {
        let link = Link { seq: Seq(1), at: Timestamp(2), kind: "started", digest: &[3; 32] };
        let hash = link.hash(&[0; 32]);
        let others = [
            Link { seq: Seq(2), ..link }.hash(&[0; 32]),
            Link { at: Timestamp(3), ..link }.hash(&[0; 32]),
            Link { kind: "paused", ..link }.hash(&[0; 32]),
            Link { digest: &[4; 32], ..link }.hash(&[0; 32]),
            link.hash(&[1; 32]),
        ];
        assert!(others.iter().all(|other| *other != hash));
        assert_eq!(link.hash(&[0; 32]), hash);
    }

    #[test]
    fn equal_payloads_have_unequal_digests() {
        let [a, b] = [(); 2].map(|()| Payload::new(b"{}".to_vec()));
        assert_ne!(a.digest, b.digest);
        assert_eq!(a.digest, digest(&a.salt, &a.bytes));
    }
}
