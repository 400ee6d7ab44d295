//! Which addresses a check may connect to: public ones. A watch file, a name in DNS, or whoever controls it, must not
//! make us ask the metadata service, the network we run in, or ourselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far checks may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Public addresses.
    Public,
    /// These, and this machine: for the local cloud.
    PublicAndLoopback,
}

/// Networks that are not public, as prefix and length: IANA's registry of special-purpose addresses.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>
const SPECIAL_V4: [([u8; 4], u32); 14] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 3),
];

/// Public IPv6 addresses lie in 2000::/3. What else there is (loopback, link-local, unique local, multicast, and IPv4
/// addresses in other clothes: `::ffff:0:0/96`, `64:ff9b::/96`) is not public, nor are these parts of it: protocol
/// assignments with Teredo, documentation, 6to4.
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
const SPECIAL_V6: [([u16; 2], u32); 4] =
    [([0x2001, 0x0000], 23), ([0x2001, 0x0db8], 32), ([0x2002, 0x0000], 16), ([0x3fff, 0x0000], 20)];

impl Reach {
    /// Whether a check may connect to this address.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        let public = match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        };
        public || (self == Self::PublicAndLoopback && address.is_loopback())
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    !SPECIAL_V4.iter().any(|(network, length)| (bits ^ u32::from(Ipv4Addr::from(*network))) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let bits = u32::from(first) << 16 | u32::from(second);
    let special = |(network, length): &([u16; 2], u32)| {
        (bits ^ (u32::from(network[0]) << 16 | u32::from(network[1]))) >> (32 - length) == 0
    };
    first >> 13 == 1 && !SPECIAL_V6.iter().any(special)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(reach: Reach, address: &str) -> bool {
        reach.allows(address.parse().expect(address))
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2600:1f18::1",
            "2a00:1450:4001:80b::200e",
            "2606:4700:4700::1111",
        ] {
            assert!(allowed(Reach::Public, address), "{address}");
        }
    }

    #[test]
    fn addresses_that_are_not_public_are_not() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff:ffff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!allowed(Reach::Public, address), "{address}");
        }
    }

    #[test]
    fn the_local_cloud_may_reach_this_machine_and_no_further() {
        for (address, expected) in
            [("127.0.0.1", true), ("::1", true), ("1.1.1.1", true), ("10.0.0.1", false), ("169.254.169.254", false)]
        {
            assert_eq!(allowed(Reach::PublicAndLoopback, address), expected, "{address}");
        }
        assert!(!allowed(Reach::PublicAndLoopback, "::ffff:127.0.0.1"));
    }
}
