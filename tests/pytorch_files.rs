//! Checks PyTorch files: those that torch wrote (`golden/make_single.py`) are read in full, a whole model in one makes the picture of
//! its safetensors twin, and hostile ones are errors that run nothing.

#![allow(clippy::unwrap_used)] // a test stops at the first surprise

#[path = "common/made_up.rs"]
mod made_up;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use inlay::diffusion::weights::{Factor, read_header};
use inlay::models::{ModelFamily, ModelKind, inspect};
use zip::write::SimpleFileOptions;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/single")
        .join(name)
}

#[test]
fn what_torch_wrote_is_read() {
    let want: Vec<f32> = (0..24).map(|i| i as f32 / 8.0).collect();
    for file in ["zip.ckpt", "legacy.ckpt"] {
        let path = golden(file);
        let header = read_header(&path).unwrap();
        assert!(header.is_pytorch);
        let mut names: Vec<&str> = header.tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        // Only what is below `state_dict`, without its name.
        assert_eq!(
            names,
            [
                "brain",
                "count",
                "double",
                "half",
                "parameter",
                "part",
                "plain",
                "turned"
            ]
        );
        let read = |name: &str| {
            let shared = std::sync::Arc::new(path.clone());
            Factor::new(&shared, name, &header.tensors[name])
                .read()
                .unwrap()
        };
        for name in ["plain", "half", "brain", "double"] {
            assert_eq!(header.shape(name), [4, 6]);
            assert_eq!(read(name), want, "{file} {name}");
        }
        assert_eq!(header.shape("turned"), [6, 4]);
        assert_eq!(read("turned")[..4], [want[0], want[6], want[12], want[18]]);
        assert_eq!(read("part"), [want[8], want[9], want[14], want[15]]);
        assert_eq!(read("parameter"), want[..6]);
    }
}

/// Pickle's protocol 2, as far as `torch.save` uses it.
#[derive(Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(b"X")
            .bytes(&(text.len() as u32).to_le_bytes())
            .bytes(text.as_bytes())
    }

    fn number(&mut self, number: usize) -> &mut Self {
        self.bytes(b"J").bytes(&(number as u32).to_le_bytes())
    }

    fn numbers(&mut self, numbers: &[usize]) -> &mut Self {
        self.bytes(b"(");
        for number in numbers {
            self.number(*number);
        }
        self.bytes(b"t")
    }

    /// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
    fn tensor(&mut self, key: &str, shape: &[usize], count: usize) -> &mut Self {
        let mut strides = vec![1; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i] * shape[i];
        }
        self.bytes(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        self.text("storage")
            .bytes(b"ctorch\nHalfStorage\n")
            .text(key)
            .text("cpu")
            .number(count);
        self.bytes(b"tQ").number(0).numbers(shape).numbers(&strides);
        self.bytes(b"\x89ccollections\nOrderedDict\n)RtR")
    }
}

fn archive(path: &Path, pickle: &[u8], storages: &[(String, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("archive/data.pkl", stored).unwrap();
    zip.write_all(pickle).unwrap();
    for (key, bytes) in storages {
        zip.start_file(format!("archive/data/{key}"), stored)
            .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.start_file("archive/version", stored).unwrap();
    zip.write_all(b"3\n").unwrap();
    zip.finish().unwrap();
}

fn write_model(path: &Path, tensors: &made_up::Tensors) {
    let mut pickle = Pickle::default();
    pickle.bytes(b"\x80\x02}").text("state_dict").bytes(b"}(");
    let mut storages = Vec::new();
    for (at, (name, (shape, values))) in tensors.iter().enumerate() {
        pickle
            .text(name)
            .tensor(&at.to_string(), shape, values.len());
        storages.push((
            at.to_string(),
            values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ));
    }
    pickle.bytes(b"us.");
    archive(path, &pickle.0, &storages);
}

#[test]
fn a_whole_model_is_told_and_loads() {
    use burn::tensor::{DType, Device};
    use inlay::diffusion::pipeline::{InpaintRequest, Pipeline};
    use inlay::progress::Silent;
    use inlay::raster::{Plane, RgbF32};

    let folder = tempfile::tempdir().unwrap();
    let (ckpt, twin) = (
        folder.path().join("m.ckpt"),
        folder.path().join("m.safetensors"),
    );
    let tensors = made_up::single("sd1", 9);
    write_model(&ckpt, &tensors);
    made_up::write(&twin, &tensors, safetensors::Dtype::F16, &[]);
    let info = inspect(&ckpt).unwrap();
    assert_eq!((info.usable, &info.why_not), (true, &None));
    assert_eq!(
        (info.kind, info.family, info.inpainting),
        (ModelKind::PytorchCheckpoint, ModelFamily::Sd1, true)
    );
    let size = inlay::geometry::PixelSize::new(16, 16);
    let request = InpaintRequest {
        image: RgbF32::new(size),
        mask: Plane {
            size,
            data: vec![255; 256],
        },
        prompt: "a boat".into(),
        negative_prompt: String::new(),
        seed: 1,
        num_inference_steps: 2,
        guidance_scale: 1.0,
        strength: 1.0,
        scheduler: None,
        soft_mask: false,
    };
    let [a, b] = [ckpt, twin].map(|path| {
        let mut pipeline = Pipeline::load(&path, &Device::flex(), DType::F32, &mut Silent).unwrap();
        pipeline.inpaint(&request, &mut Silent).unwrap()
    });
    assert_eq!(a, b);
}

#[test]
fn hostile_files_are_errors_and_run_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.ckpt");
    let mark = folder.path().join("ran");
    let command = format!("touch {}", mark.display());
    let mut calls: Vec<Vec<u8>> = Vec::new();
    for function in [
        "cos\nsystem\n",
        "cposix\nsystem\n",
        "csubprocess\ncall\n",
        "cbuiltins\neval\n",
        "c__builtin__\nexec\n",
    ] {
        let mut pickle = Pickle::default();
        pickle
            .bytes(b"\x80\x02")
            .bytes(function.as_bytes())
            .bytes(b"(")
            .text(&command)
            .bytes(b"tR.");
        calls.push(pickle.0);
        // As a value beside a sound tensor.
        let mut pickle = Pickle::default();
        pickle
            .bytes(b"\x80\x02}(")
            .text("evil")
            .bytes(function.as_bytes())
            .bytes(b"(")
            .text(&command);
        pickle
            .bytes(b"tR")
            .text("weight")
            .tensor("0", &[2], 2)
            .bytes(b"u.");
        calls.push(pickle.0);
    }
    let mut huge = Pickle::default();
    huge.bytes(b"\x80\x02}(")
        .text("w")
        .tensor("0", &[1 << 30, 1 << 30], 2)
        .bytes(b"u.");
    let mut longer = Pickle::default();
    longer
        .bytes(b"\x80\x02}(")
        .text("w")
        .tensor("0", &[1000], 1000)
        .bytes(b"u.");
    let mut nested = Pickle::default();
    nested
        .bytes(b"\x80\x02")
        .bytes(&b"(".repeat(100_000))
        .bytes(&b"t".repeat(100_000))
        .bytes(b".");
    let broken: [&[u8]; 7] = [
        b"",
        b"\x80\x02",
        b"\x80\x02}(X\xff\xff\xff\x7f",
        b"\x80\x02tttt.",
        b"\x80\x02h\x05.",
        b"\x80\xff.",
        b"\x80\x02}q\x00h\x00h\x00s.",
    ];
    let all = calls
        .iter()
        .map(Vec::as_slice)
        .chain([huge.0.as_slice(), &longer.0, &nested.0])
        .chain(broken);
    for (at, pickle) in all.enumerate() {
        archive(&path, pickle, &[("0".into(), vec![0; 4])]);
        let info = inspect(&path).unwrap();
        assert!(!info.usable, "{at}");
        let why = info.why_not.unwrap();
        assert!(!why.contains('\n') && why.len() < 600, "{at}: {why}");
        // A bare pickle, too.
        std::fs::write(&path, pickle).unwrap();
        assert!(!inspect(&path).unwrap().usable);
    }
    assert!(!mark.exists());
    // Cut anywhere, a sound file is an error or no model, never a panic.
    let whole = std::fs::read(golden("zip.ckpt")).unwrap();
    for cut in (0..whole.len()).step_by(41) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert!(!inspect(&path).unwrap().usable, "{cut}");
    }
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).unwrap();
        let _ = inspect(&path).unwrap();
    }
}
