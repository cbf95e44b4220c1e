//! Owns what the golden tests of the networks share: the golden folders, copies that may be changed, the reference's numbers and the
//! comparison with them. Used by the files beside it. Must never decide a tolerance.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Tensor, TensorData};
use inlay::diffusion::clip::TextEncoder;
use inlay::diffusion::folder::ModelFolder;
use inlay::diffusion::unet::UNet;
use inlay::diffusion::vae::{Encoded, Vae};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::Value;

pub const NAMES: [&str; 2] = ["v1", "v2"];
pub const BOTH: [&str; 2] = ["even", "uneven"];
pub const VAE_FILE: &str = "vae/diffusion_pytorch_model.safetensors";
pub const UNET_FILE: &str = "unet/diffusion_pytorch_model.safetensors";
pub const TEXT_FILE: &str = "text_encoder/model.safetensors";

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/networks")
        .join(name)
}

/// What the reference computed.
pub struct Expected(Vec<u8>);

impl Expected {
    pub fn open(name: &str) -> Self {
        Self(std::fs::read(golden(name).join("expected.safetensors")).unwrap())
    }

    pub fn data(&self, key: &str) -> TensorData {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(key).unwrap();
        let numbers: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        TensorData::new(numbers, view.shape().to_vec())
    }

    pub fn tensor<const D: usize>(&self, key: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.data(key), (device, DType::F32))
    }

    pub fn ids(&self) -> Vec<Vec<u32>> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor("text.ids").unwrap();
        let ids: Vec<u32> = view
            .data()
            .chunks_exact(4)
            .map(|b| u32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        ids.chunks(view.shape()[1]).map(<[u32]>::to_vec).collect()
    }

    /// The largest difference as a share of the largest number.
    pub fn check<const D: usize>(&self, key: &str, got: Tensor<D>, tolerance: f32) {
        let expected = self.data(key);
        assert_eq!(got.dims().to_vec(), expected.shape().to_vec(), "{key}");
        let expected = expected.as_slice::<f32>().unwrap();
        let got = got.try_into_vec_as::<f32>().unwrap();
        let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
        let worst = expected.iter().zip(&got).fold(0f32, |m, (a, b)| {
            m.max(if b.is_nan() { f32::NAN } else { (a - b).abs() })
        });
        println!("{key}: relative error {:.1e}", worst / largest);
        assert!(worst / largest < tolerance, "{key}: {worst} of {largest}");
    }
}

pub fn check_text(
    expected: &Expected,
    folder: &ModelFolder,
    device: &Device,
    dtype: DType,
    tolerance: f32,
) {
    let encoder = TextEncoder::load(folder, device, dtype).unwrap();
    let ids = expected.ids();
    let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    expected.check("text.out", encoder.forward(&ids, 0).unwrap(), tolerance);
    expected.check("text.skip1", encoder.forward(&ids, 1).unwrap(), tolerance);
    assert!(encoder.forward(&ids, 4).is_err());
    assert!(encoder.forward(&[], 0).is_err());
    assert!(encoder.forward(&[&[1_000_000]], 0).is_err());
}

pub fn check_unet(
    expected: &Expected,
    folder: &ModelFolder,
    device: &Device,
    dtype: DType,
    tolerance: f32,
    cases: &[&str],
) {
    let unet = UNet::load(folder, device, dtype).unwrap();
    for case in cases {
        let key = |part: &str| format!("unet.{case}.{part}");
        let timestep = expected.data(&key("timestep")).as_slice::<f32>().unwrap()[0];
        let sample = expected.tensor::<4>(&key("sample"), device);
        let prompt = expected.tensor::<3>(&key("prompt"), device);
        expected.check(
            &key("out"),
            unet.forward(sample.clone(), timestep, prompt.clone())
                .unwrap(),
            tolerance,
        );
        assert!(
            unet.forward(sample.clone().narrow(1, 0, 3), timestep, prompt.clone())
                .is_err()
        );
        assert!(
            unet.forward(sample, timestep, prompt.narrow(2, 0, 5))
                .is_err()
        );
    }
}

pub fn check_vae(
    expected: &Expected,
    folder: &ModelFolder,
    device: &Device,
    dtype: DType,
    tolerance: f32,
) {
    let vae = Vae::load(folder, device, dtype).unwrap();
    assert_eq!((vae.downscale(), vae.latent_channels()), (4, 4));
    let image = expected.tensor::<4>("vae.image", device);
    match vae.encode(image.clone()).unwrap() {
        Encoded::Moments { mean, logvar } => {
            expected.check("vae.mean", mean, tolerance);
            expected.check("vae.logvar", logvar, tolerance);
        }
        Encoded::Latents(latents) => expected.check("vae.mean", latents, tolerance),
    }
    let latents = expected.tensor::<4>("vae.latents", device);
    expected.check(
        "vae.decoded",
        vae.decode(latents.clone()).unwrap(),
        tolerance,
    );
    assert!(vae.encode(image.narrow(3, 0, 30)).is_err());
    assert!(vae.decode(latents.narrow(1, 0, 3)).is_err());
}

pub fn check_all(device: &Device, dtype: DType, tolerance: f32) {
    for name in NAMES {
        let expected = Expected::open(name);
        let folder = ModelFolder::open(golden(name)).unwrap();
        check_text(&expected, &folder, device, dtype, tolerance);
        check_unet(&expected, &folder, device, dtype, tolerance, &BOTH);
        check_vae(&expected, &folder, device, dtype, tolerance);
    }
}

/// A golden folder that a test may change.
pub struct Copy(tempfile::TempDir);

impl Copy {
    pub fn of(name: &str) -> Self {
        let target = tempfile::tempdir().unwrap();
        copy_folder(&golden(name), target.path());
        Self(target)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn open(&self) -> inlay::diffusion::Result<ModelFolder> {
        ModelFolder::open(self.path())
    }

    pub fn set(&self, file: &str, field: &str, value: Value) {
        let path = self.path().join(file);
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("-Infinity", "null");
        let mut json: Value = serde_json::from_str(&text).unwrap();
        json[field] = value;
        std::fs::write(path, json.to_string()).unwrap();
    }

    /// Rewrites a weight file, with each tensor's new name and shape.
    pub fn rewrite(
        &self,
        from: &str,
        to: &[&str],
        change: impl Fn(&str, &[usize]) -> (String, Vec<usize>),
    ) {
        let path = self.path().join(from);
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        std::fs::remove_file(&path).unwrap();
        let names: Vec<String> = file.names().into_iter().map(ToString::to_string).collect();
        for (part, target) in to.iter().enumerate() {
            let mine = names
                .iter()
                .enumerate()
                .filter(|(i, _)| i % to.len() == part)
                .map(|(_, name)| {
                    let view = file.tensor(name).unwrap();
                    let (name, shape) = change(name, view.shape());
                    (
                        name,
                        TensorView::new(view.dtype(), shape, view.data()).unwrap(),
                    )
                });
            safetensors::serialize_to_file(mine, None, &self.path().join(target)).unwrap();
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
