//! Owns naming weights by what is in them: the short hash that other tools write beside a picture. Called by app, on a
//! thread; reads the whole file.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Digits that other tools show.
const DIGITS: usize = 10;
/// Where a folder keeps the weights that make the picture, the likeliest first.
const WEIGHTS: [&str; 3] = [
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/model.safetensors",
];

/// The first ten hexadecimal digits of the SHA-256 of the UNet's file in a diffusers folder, or of the file itself.
pub fn weights_hash(path: &Path) -> std::io::Result<String> {
    let file = if path.is_dir() {
        let found = WEIGHTS
            .iter()
            .map(|name| path.join(name))
            .find(|p| p.is_file());
        found.ok_or_else(|| {
            std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "no single file of UNet weights",
            )
        })?
    } else {
        path.to_owned()
    };
    Ok(sha256(&file)?.chars().take(DIGITS).collect())
}

/// The SHA-256 of a file in hexadecimal digits.
pub(super) fn sha256(file: &Path) -> std::io::Result<String> {
    let mut reader = std::fs::File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    let digest = hasher.finalize();
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Ok(digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_by_its_unet_and_a_file_by_itself() {
        let dir = tempfile::tempdir().expect("dir");
        std::fs::create_dir(dir.path().join("unet")).expect("made");
        let file = dir.path().join(WEIGHTS[0]);
        std::fs::write(&file, b"abc").expect("written");
        // SHA-256 of "abc" begins so (FIPS 180-2, appendix B.1).
        assert_eq!(weights_hash(&file).expect("read"), "ba7816bf8f");
        assert_eq!(weights_hash(dir.path()).expect("read"), "ba7816bf8f");
        assert!(weights_hash(&dir.path().join("unet")).is_err());
    }
}
