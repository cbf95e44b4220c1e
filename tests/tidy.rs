//! Reads `src/` and holds it to the house rules: who may use whom, an opening `//!`, at most 500 lines a file, no
//! `unwrap()` outside tests, no unfinished marks, shaders that naga accepts.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 500;

/// Room, then the rooms and crates it must never use.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "geometry.rs",
        &["crate::", "burn", "egui", "eframe", "image::"],
    ),
    (
        "raster.rs",
        &[
            "crate::photo",
            "crate::mask",
            "crate::plan",
            "crate::diffusion",
            "crate::app",
            "burn",
            "egui",
        ],
    ),
    (
        "progress.rs",
        &[
            "crate::photo",
            "crate::plan",
            "crate::diffusion",
            "crate::app",
            "burn",
            "egui",
        ],
    ),
    ("settings.rs", &["crate::", "burn", "egui", "eframe"]),
    (
        "photo",
        &[
            "crate::document",
            "crate::engine",
            "crate::app",
            "crate::ui",
            "burn",
            "egui",
            "eframe",
        ],
    ),
    (
        "mask",
        &[
            "crate::document",
            "crate::engine",
            "crate::app",
            "crate::ui",
            "burn",
            "egui",
            "eframe",
        ],
    ),
    (
        "select",
        &[
            "crate::plan",
            "crate::compose",
            "crate::diffusion",
            "crate::models",
            "crate::quality",
            "crate::engine",
            "crate::document",
            "crate::app",
            "crate::gpu",
            "crate::ui",
            "crate::cli",
            "burn",
            "egui",
            "eframe",
            "std::fs",
            "image::",
        ],
    ),
    (
        "quality",
        &[
            "crate::document",
            "crate::engine",
            "crate::app",
            "crate::gpu",
            "crate::ui",
            "crate::cli",
            "burn",
            "egui",
            "eframe",
        ],
    ),
    (
        "plan",
        &[
            "crate::photo",
            "crate::engine",
            "crate::app",
            "burn",
            "egui",
            "eframe",
            "std::fs",
            "image::",
        ],
    ),
    (
        "compose",
        &[
            "crate::document",
            "crate::engine",
            "crate::app",
            "crate::diffusion",
            "burn",
            "egui",
            "eframe",
        ],
    ),
    (
        "diffusion",
        &[
            "crate::photo",
            "crate::plan",
            "crate::engine",
            "crate::app",
            "crate::ui",
            "crate::document",
            "egui",
        ],
    ),
    (
        "models",
        &[
            "crate::ui",
            "crate::engine",
            "crate::app",
            "burn::tensor",
            "egui",
        ],
    ),
    (
        "engine",
        &[
            "crate::document",
            "crate::app",
            "crate::ui",
            "crate::cli",
            "egui",
            "eframe",
        ],
    ),
    (
        "document",
        &[
            "crate::engine",
            "crate::diffusion",
            "crate::app",
            "burn",
            "egui",
            "eframe",
        ],
    ),
    (
        "app",
        &[
            "crate::diffusion",
            "crate::gpu",
            "crate::ui",
            "crate::cli",
            "burn",
            "wgpu",
            "egui",
            "eframe",
        ],
    ),
    (
        "gpu",
        &[
            "crate::app",
            "crate::document",
            "crate::engine",
            "crate::diffusion",
            "burn",
        ],
    ),
    ("ui", &["crate::diffusion", "crate::cli", "burn", "std::fs"]),
    ("cli", &["crate::ui", "crate::gpu", "egui", "eframe"]),
    (
        "main.rs",
        &[
            "inlay::app",
            "inlay::engine",
            "inlay::diffusion",
            "burn",
            "egui",
        ],
    ),
];

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            source_files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| {
            let name = path
                .strip_prefix(&root)
                .expect("below src")
                .to_string_lossy()
                .replace('\\', "/");
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect()
}

/// The part before unit tests.
fn product_code(text: &str) -> &str {
    let mut at = 0;
    let mut tests_from = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_end();
        if trimmed == "#[cfg(test)]" {
            tests_from = Some(at);
        } else if let Some(start) = tests_from {
            if trimmed.starts_with("mod ") && trimmed.ends_with('{') {
                return &text[..start];
            }
            if !trimmed.starts_with("#[") && !trimmed.starts_with("//") {
                tests_from = None;
            }
        }
        at += line.len();
    }
    text
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_test_file(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

#[test]
fn every_file_says_what_it_owns_and_is_short() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if !text.starts_with("//!") {
            wrong.push(format!("{name} does not open with //!"));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{name} has {lines} lines"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_use_only_the_rooms_they_may() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let room = name.split('/').next().unwrap_or(&name);
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(r, _)| *r == room) else {
            continue;
        };
        if is_test_file(&name) {
            continue;
        }
        for (number, line) in code_lines(product_code(&text)) {
            for word in *forbidden {
                if mentions(line, word) {
                    wrong.push(format!("{name}:{number} uses {word}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// True when a line names the path `word`, not merely a longer word or a text in quotes.
fn mentions(line: &str, word: &str) -> bool {
    let code: String = line.split('"').step_by(2).collect();
    let is_path = word.contains("::");
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let starts = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let follows = if is_path {
            word.ends_with("::") || after.is_none_or(|c| !c.is_alphanumeric() && c != '_')
        } else {
            code[at + word.len()..].starts_with("::") || code[..at].trim_end().ends_with("use")
        };
        starts && follows
    })
}

#[test]
fn nothing_is_unwrapped_or_unfinished_outside_tests() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if is_test_file(&name) {
            continue;
        }
        for (number, line) in code_lines(product_code(&text)) {
            for mark in [".unwrap()", "todo!(", "unimplemented!(", "dbg!("] {
                if line.contains(mark) {
                    wrong.push(format!("{name}:{number} has {mark}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn shaders_are_accepted_by_naga() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    if !root.exists() {
        return;
    }
    let mut files = Vec::new();
    source_files(&root, &mut files);
    for path in files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
    {
        let text = fs::read_to_string(&path).expect("text");
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|error| panic!("{}: {}", path.display(), error.emit_to_string(&text)));
        let mut validator = naga::valid::Validator::new(
            naga::valid::ValidationFlags::all(),
            naga::valid::Capabilities::empty(),
        );
        validator
            .validate(&module)
            .unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    }
}

#[test]
fn no_file_names_a_machine() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if ["/root/", "/home/", "/work/"]
                .iter()
                .any(|path| line.contains(path))
            {
                wrong.push(format!("{name}:{}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
