//! Which addresses are this machine itself. What goes there needs no protection on the way, and what answers there proves
//! nothing about the world outside; a name that may be either is trusted with neither.

use url::{Host, Url};

/// Whether an address is surely this machine: a loopback address, or `localhost`.
pub fn is_surely_here(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an address may be this machine: also `NAME.localhost`, which most resolvers answer so and some do not (RFC 6761,
/// 6.3), and an address without a host.
pub fn may_be_here(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => is_surely_here(address),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_may_be_either_is_trusted_with_neither() {
        let both = |text: &str| {
            let address = text.parse().unwrap();
            (is_surely_here(&address), may_be_here(&address))
        };
        for here in ["http://127.0.0.1:9/", "https://[::1]/", "https://LOCALHOST"] {
            assert_eq!(both(here), (true, true), "{here}");
        }
        for either in ["https://s3.localhost/", "mailto:a@example.jp"] {
            assert_eq!(both(either), (false, true), "{either}");
        }
        for there in ["https://portal.example/", "https://localhost.example/", "http://192.0.2.1/"] {
            assert_eq!(both(there), (false, false), "{there}");
        }
    }
}
