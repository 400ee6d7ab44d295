//! One TLS stack, one Postgres driver: what must not be linked.

use std::process::Command;

use testkit::binaries::workspace;

/// `ring` and rustls below 0.23 would be a second TLS stack, hyper 0.14 and h2 0.3 carry unmended advisories
/// (RUSTSEC-2026-0258), OpenSSL and the platform's TLS need libraries that Lambda does not have.
const BANNED: &[&str] =
    &["ring v", "rustls v0.20", "rustls v0.21", "hyper v0.", "h2 v0.3", "openssl-sys v", "native-tls v"];

#[test]
fn the_functions_link_one_tls_stack() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args([
            "--package",
            "alert-router",
            "--package",
            "healthcheck",
            "--package",
            "deadman",
            "--package",
            "data-poller",
            "--package",
            "archiver",
            "--package",
            "migrator",
        ])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout);
    assert!(tree.lines().any(|line| line.starts_with("rustls v0.23")), "the tree was read");
    for banned in BANNED {
        let linked: Vec<&str> = tree.lines().filter(|line| line.starts_with(banned)).collect();
        assert!(linked.is_empty(), "linked, but must not be: {linked:?}; `cargo tree -i` says why");
    }
}

#[test]
fn what_does_not_list_integrations_cannot_page_anyone() {
    for function in ["healthcheck", "deadman", "data-poller", "archiver", "migrator"] {
        let manifest = workspace().join("functions").join(function).join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).expect("a manifest");
        let product = manifest.split("[dev-dependencies]").next().expect("there is a first part");
        assert!(!product.contains("integrations"), "{function}");
    }
}
