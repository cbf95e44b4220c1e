//! Every crate that Inlay is built from has a licence that lets the binary be given away under MIT OR Apache-2.0.

use std::process::Command;

/// SPDX identifiers that ask for no more than notices.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "NCSA",
    "OFL-1.1",
    "Ubuntu-font-1.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// Crates that carry a licence file instead of an expression, with what the file says.
const BY_FILE: &[(&str, &str)] = &[("cfg_block", "Apache-2.0")];

#[test]
fn every_dependency_is_permissively_licensed() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    if !output.status.success() {
        // Sources of other platforms' crates may not be here; the network fetches them.
        println!(
            "skipped: cargo metadata needs the registry: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100);
    let accepts = |expression: &str| {
        let slashes = expression.replace('/', " OR ");
        spdx::Expression::parse(&slashes).is_ok_and(|parsed| {
            parsed.evaluate(|requirement| ACCEPTED.contains(&requirement.to_string().as_str()))
        })
    };
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| {
            let by_file = BY_FILE
                .iter()
                .find(|(name, _)| package["name"] == *name)
                .map(|(_, licence)| *licence);
            !accepts(package["license"].as_str().or(by_file).unwrap_or_default())
        })
        .map(|package| {
            format!(
                "{} {}: {}",
                package["name"], package["version"], package["license"]
            )
        })
        .collect();
    assert!(
        refused.is_empty(),
        "not permissive, or without a licence:\n{}",
        refused.join("\n")
    );
}
