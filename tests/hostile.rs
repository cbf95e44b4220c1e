//! Wrong, truncated and hostile photos, masks and model folders: each gives exit 1 or 2 and one clear line, and nothing is
//! written. Every case is made here from a sound file.

mod common;

use std::fs;
use std::path::Path;

use common::tiny_model::assemble;
use common::{Sandbox, mask, rgb8, stderr, succeed, write};

/// Runs a command that must fail cleanly, and returns its one line.
fn refused(here: &Sandbox, arguments: &[&str]) -> String {
    let output = here.inlay_with(arguments);
    let said = stderr(&output);
    assert!(
        matches!(output.status.code(), Some(1 | 2)),
        "{arguments:?}: exit {:?}: {said}",
        output.status.code()
    );
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_eq!(lines.len(), 1, "{arguments:?} said: {said}");
    assert!(
        lines[0].starts_with("inlay: ") && !said.contains("panicked"),
        "{arguments:?} said: {said}"
    );
    assert!(
        !here.path("out.png").exists(),
        "{arguments:?} wrote something"
    );
    lines[0].to_owned()
}

fn encoded(format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    rgb8(160, 120)
        .write_to(&mut bytes, format)
        .expect("encoded");
    bytes.into_inner()
}

/// A PNG chunk with a right checksum.
fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = 0xffff_ffff_u32;
    for byte in kind.iter().chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    let mut out = (data.len() as u32).to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(data);
    out.extend((!crc).to_be_bytes());
    out
}

/// A PNG that claims a size and holds next to nothing.
fn claiming_png(width: u32, height: u32) -> Vec<u8> {
    let mut header = width.to_be_bytes().to_vec();
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(chunk(*b"IHDR", &header));
    png.extend(chunk(
        *b"IDAT",
        &[0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01],
    ));
    png.extend(chunk(*b"IEND", &[]));
    png
}

fn animated_png() -> Vec<u8> {
    let png = encoded(image::ImageFormat::Png);
    let after_header = 8 + 25;
    let mut animated = png[..after_header].to_vec();
    animated.extend(chunk(*b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]));
    animated.extend(&png[after_header..]);
    animated
}

fn cmyk_jpeg() -> Vec<u8> {
    // Four components in the frame header are enough to be recognised.
    let mut jpeg = vec![0xff, 0xd8];
    jpeg.extend([0xff, 0xee, 0, 14]);
    jpeg.extend(b"Adobe\0\x64\0\0\0\0\x02");
    jpeg.extend([0xff, 0xc0, 0, 20, 8, 0, 16, 0, 16, 4]);
    for component in 1..=4 {
        jpeg.extend([component, 0x11, 0]);
    }
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

fn hostile_pictures() -> Vec<(&'static str, Vec<u8>)> {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Qoi, Tiff, WebP};
    let cut = |format, keep: f64| {
        let bytes = encoded(format);
        let length = (bytes.len() as f64 * keep) as usize;
        bytes[..length].to_vec()
    };
    let mut flipped = encoded(Png);
    let middle = flipped.len() / 2;
    flipped[middle..middle + 40].fill(0x55);
    let mut bmp_bomb = encoded(Bmp);
    bmp_bomb[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    bmp_bomb[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    let mut qoi_bomb = encoded(Qoi);
    qoi_bomb[4..12].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    vec![
        ("empty.png", Vec::new()),
        ("one_byte.jpg", vec![0xff]),
        ("text.png", b"this is no picture, it only says so".to_vec()),
        ("zeros.jpg", vec![0; 5000]),
        ("cut.png", cut(Png, 0.5)),
        ("cut_header.png", cut(Png, 0.001)),
        ("cut.jpg", cut(Jpeg, 0.5)),
        ("cut_late.jpg", cut(Jpeg, 0.97)),
        ("cut.tiff", cut(Tiff, 0.5)),
        ("cut.webp", cut(WebP, 0.5)),
        ("cut.bmp", cut(Bmp, 0.5)),
        ("cut.gif", cut(Gif, 0.3)),
        ("cut.qoi", cut(Qoi, 0.5)),
        ("flipped.png", flipped),
        ("bomb.png", claiming_png(60_000, 60_000)),
        ("wide.png", claiming_png(4_000_000_000, 1)),
        ("nothing.png", claiming_png(0, 10)),
        ("hollow.png", claiming_png(9_000, 9_000)),
        ("bomb.bmp", bmp_bomb),
        ("bomb.qoi", qoi_bomb),
        ("animated.png", animated_png()),
        ("cmyk.jpg", cmyk_jpeg()),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        (
            "photo.psd",
            b"8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x01\0\0\0\x01\0\x08\0\x03".to_vec(),
        ),
        (
            "drawing.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        ),
    ]
}

#[test]
fn hostile_photos_are_refused_with_one_line_that_names_them() {
    let here = Sandbox::new();
    here.save("mask.png", mask(160, 120, [60, 40, 30, 24]));
    for (name, bytes) in hostile_pictures() {
        write(&here.path(name), &bytes);
        let line = refused(
            &here,
            &["fill", name, "--mask", "mask.png", "-o", "out.png"],
        );
        assert!(line.contains(name), "{line}");
    }
    fs::create_dir(here.path("folder.png")).expect("created");
    refused(
        &here,
        &["fill", "folder.png", "--mask", "mask.png", "-o", "out.png"],
    );
    refused(
        &here,
        &[
            "fill",
            "not_there.png",
            "--mask",
            "mask.png",
            "-o",
            "out.png",
        ],
    );
}

#[test]
fn hostile_masks_are_refused_and_a_wrong_size_names_both() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(160, 120));
    for (name, bytes) in hostile_pictures() {
        write(&here.path(name), &bytes);
        refused(
            &here,
            &["fill", "photo.png", "--mask", name, "-o", "out.png"],
        );
    }
    here.save("small.png", mask(80, 60, [10, 10, 10, 10]));
    let line = refused(
        &here,
        &["fill", "photo.png", "--mask", "small.png", "-o", "out.png"],
    );
    for number in ["160", "120", "80", "60"] {
        assert!(line.contains(number), "{line}");
    }
    here.save("black.png", mask(160, 120, [0, 0, 0, 0]));
    refused(
        &here,
        &["fill", "photo.png", "--mask", "black.png", "-o", "out.png"],
    );
    here.save("white.png", mask(160, 120, [0, 0, 160, 120]));
    refused(
        &here,
        &["fill", "photo.png", "--mask", "white.png", "-o", "out.png"],
    );
}

/// Changes a file of the model.
type Spoil = Box<dyn Fn(&Path)>;

fn edit_json(file: &'static str, from: &'static str, to: &'static str) -> Spoil {
    Box::new(move |model| {
        let path = model.join(file);
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(&path, text.replacen(from, to, 1)).expect("written");
    })
}

fn replace(file: &'static str, bytes: &'static [u8]) -> Spoil {
    Box::new(move |model| fs::write(model.join(file), bytes).expect("written"))
}

fn remove(file: &'static str) -> Spoil {
    Box::new(move |model| {
        let path = model.join(file);
        if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
        .expect("removed");
    })
}

fn change_bytes(file: &'static str, change: fn(&mut Vec<u8>)) -> Spoil {
    Box::new(move |model| {
        let path = model.join(file);
        let mut bytes = fs::read(&path).expect("readable");
        change(&mut bytes);
        fs::write(path, bytes).expect("written");
    })
}

const UNET: &str = "unet/diffusion_pytorch_model.safetensors";
const VAE: &str = "vae/diffusion_pytorch_model.safetensors";

fn spoiled_models() -> Vec<(&'static str, Spoil)> {
    vec![
        ("no index", remove("model_index.json")),
        ("no unet", remove("unet")),
        ("no vae weights", remove(VAE)),
        ("no tokenizer", remove("tokenizer")),
        ("no scheduler", remove("scheduler")),
        (
            "index is no json",
            replace("model_index.json", b"{ \"_class_name\": "),
        ),
        (
            "index of another kind",
            replace("model_index.json", b"{\"_class_name\": \"FluxPipeline\"}"),
        ),
        ("config is a list", replace("unet/config.json", b"[]")),
        (
            "config nested deeply",
            Box::new(|model| {
                fs::write(model.join("unet/config.json"), "[".repeat(100_000)).expect("written");
            }),
        ),
        (
            "zero groups",
            edit_json(
                "unet/config.json",
                "\"norm_num_groups\": ",
                "\"norm_num_groups\": 0, \"x\": ",
            ),
        ),
        (
            "unknown block",
            edit_json(
                "unet/config.json",
                "\"CrossAttnDownBlock2D\"",
                "\"SpiralBlock2D\"",
            ),
        ),
        (
            "wrong width",
            edit_json(
                "unet/config.json",
                "\"cross_attention_dim\": ",
                "\"cross_attention_dim\": 7, \"x\": ",
            ),
        ),
        (
            "huge channels",
            edit_json(
                "unet/config.json",
                "\"in_channels\": ",
                "\"in_channels\": 4000000000, \"x\": ",
            ),
        ),
        (
            "negative size",
            edit_json(
                "vae/config.json",
                "\"latent_channels\": ",
                "\"latent_channels\": -4, \"x\": ",
            ),
        ),
        (
            "unknown scheduler",
            edit_json(
                "scheduler/scheduler_config.json",
                "\"_class_name\": ",
                "\"_class_name\": \"MagicScheduler\", \"x\": ",
            ),
        ),
        (
            "unet cut short",
            change_bytes(UNET, |bytes| bytes.truncate(bytes.len() / 2)),
        ),
        ("vae empty", change_bytes(VAE, Vec::clear)),
        (
            "header longer than the file",
            change_bytes(UNET, |bytes| {
                bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes())
            }),
        ),
        (
            "header of gigabytes",
            change_bytes(UNET, |bytes| {
                bytes[..8].copy_from_slice(&(1_u64 << 33).to_le_bytes())
            }),
        ),
        (
            "header is no json",
            change_bytes(UNET, |bytes| bytes[8..40].fill(b'x')),
        ),
        (
            "tensor renamed",
            change_bytes(UNET, |bytes| {
                let at = bytes
                    .windows(7)
                    .position(|w| w == b"conv_in")
                    .expect("a conv_in");
                bytes[at..at + 7].copy_from_slice(b"conv_on");
            }),
        ),
        (
            "another model's weights",
            Box::new(|model| {
                fs::copy(model.join(VAE), model.join(UNET)).expect("copied");
            }),
        ),
        (
            "vocabulary is no json",
            Box::new(|model| {
                for name in ["tokenizer/vocab.json", "tokenizer/tokenizer.json"] {
                    if model.join(name).exists() {
                        fs::write(model.join(name), b"vocabulary").expect("written");
                    }
                }
            }),
        ),
    ]
}

#[test]
fn spoiled_model_folders_are_refused() {
    let here = Sandbox::new();
    here.save("photo.png", rgb8(64, 64));
    here.save("mask.png", mask(64, 64, [20, 20, 16, 16]));
    assemble("sd1-inpaint", &here.path("sound"));
    succeed(
        &here.inlay(
            "fill photo.png --mask mask.png --model sound --steps 2 --strength 1 --device cpu -o sound.png",
        ),
    );
    for (index, (what, spoil)) in spoiled_models().into_iter().enumerate() {
        let model = here.path(&format!("model{index}"));
        assemble("sd1-inpaint", &model);
        spoil(&model);
        let model = model.to_string_lossy().into_owned();
        let arguments = [
            "fill",
            "photo.png",
            "--mask",
            "mask.png",
            "--model",
            &model,
            "--steps",
            "2",
            "--strength",
            "1",
            "--quiet",
            "--device",
            "cpu",
            "-o",
            "out.png",
        ];
        let line = refused(&here, &arguments);
        println!("{what}: {line}");
    }
    for not_a_model in ["nowhere", "photo.png"] {
        refused(
            &here,
            &[
                "fill",
                "photo.png",
                "--mask",
                "mask.png",
                "--model",
                not_a_model,
                "-o",
                "out.png",
            ],
        );
    }
}
