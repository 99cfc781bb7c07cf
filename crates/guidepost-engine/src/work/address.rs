//! Which addresses may be reached: those of the public internet, and others only if the operator allows them. It is the
//! address that is dialled which is checked, not the name.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::ClientBuilder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use url::{Host, Url};

use crate::call::Failure;

/// The beginnings of a client that follows no redirect, uses no proxy, and reaches this machine and private networks only
/// with `allow_private`. What names no host but an address, [`expect_allowed`] checks.
pub(super) fn client(allow_private: bool) -> ClientBuilder {
    // Another part of the program may have chosen a provider already; then that one counts.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .user_agent(concat!("guidepost/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(Guarded { allow_private }))
}

/// Refuses what is no web address, and an address in figures that may not be reached.
///
/// # Errors
///
/// Which, and why.
pub(super) fn expect_allowed(url: &Url, allow_private: bool) -> Result<(), Failure> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Failure::lasting(format!("`{}:` is not `http:` or `https:`", url.scheme())));
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(Failure::lasting(format!("`{url}` names no host"))),
    };
    if allow_private || is_public(address) { Ok(()) } else { Err(private(address)) }
}

/// Looks names up, and forgets the addresses that may not be reached.
#[derive(Debug)]
struct Guarded {
    allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (allowed, refused): (Vec<SocketAddr>, Vec<SocketAddr>) =
                found.partition(|address| allow_private || is_public(address.ip()));
            match (allowed.is_empty(), refused.first()) {
                (true, Some(address)) => Err(private(address.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

fn private(address: IpAddr) -> Failure {
    Failure::lasting(format!("`{address}` is a private address, which is not allowed here"))
}

/// Whether an address belongs to the public internet.
///
/// # Source
///
/// IANA's special-purpose address registries for IPv4 and IPv6.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_protocol = a == 192 && b == 0 && c == 0;
            let is_benchmark = a == 198 && (b == 18 || b == 19);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || a == 0
                || a >= 240
                || is_shared
                || is_protocol
                || is_benchmark)
        }
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public(inner),
            // What is handed out to the public is all in 2000::/3.
            None => {
                address.segments()[0] & 0xe000 == 0x2000
                    && address.segments()[0..2] != [0x2001, 0xdb8]
            }
        },
    }
}

/// The IPv4 address an IPv6 address stands for: mapped, 6to4 or through NAT64.
fn embedded(address: Ipv6Addr) -> Option<IpAddr> {
    let bytes = address.octets();
    let four = |at: usize| IpAddr::from([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(IpAddr::V4(mapped));
    }
    match address.segments() {
        [0x2002, ..] => Some(four(2)),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(four(12)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for address in
            ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
