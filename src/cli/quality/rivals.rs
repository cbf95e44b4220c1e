//! Owns the classical rivals of `inlay bench quality`, Telea and Navier-Stokes: asks a Python with OpenCV, to which it
//! hands the script that lies in `benches/compare`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{Failure, Fill, Fills, rgb8};
use crate::mask::Mask;
use crate::photo::{EncodeOptions, decode_file, encode_file};
use crate::raster::{Plane, RgbF32};

const SCRIPT: &str = include_str!("../../../benches/compare/baselines.py");
const METHODS: [&str; 2] = ["telea", "ns"];

/// The running script. Ends with this.
pub struct Rivals {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl Rivals {
    pub fn start(python: &Path) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| {
            Failure::Failed(format!(
                "{}: {e}; --python names a Python 3 that has OpenCV",
                python.display()
            ))
        };
        let folder = tempfile::tempdir().map_err(failed)?;
        let mut child = Command::new(python)
            .args(["-c", SCRIPT, "--jobs"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::Failed("Python can't be talked to".to_owned()));
        };
        Ok(Self {
            child,
            input: Some(input),
            output: BufReader::new(output),
            folder,
        })
    }

    pub fn fills(&mut self, truth: &RgbF32, hole: &Plane) -> Result<Fills, Failure> {
        let path = |name: &str| self.folder.path().join(format!("{name}.png"));
        let (photo, mask) = (path("photo"), path("mask"));
        encode_file(&rgb8(truth), &photo, &EncodeOptions::default())
            .map_err(|e| Failure::Failed(e.to_string()))?;
        (Mask {
            plane: hole.clone(),
        })
        .to_png_file(&mask)
        .map_err(|e| Failure::Failed(e.to_string()))?;
        let outputs: Vec<PathBuf> = METHODS.iter().map(|method| path(method)).collect();
        let job = serde_json::json!({
            "photo": photo, "mask": mask, METHODS[0]: outputs[0], METHODS[1]: outputs[1],
        });
        let answer = self
            .ask(&job.to_string())
            .map_err(|e| Failure::Failed(format!("the Python with OpenCV stopped: {e}")))?;
        let mut fills = Fills::new();
        for (method, output) in METHODS.iter().zip(&outputs) {
            let Some(seconds) = answer.get(method).and_then(serde_json::Value::as_f64) else {
                let said = answer.get("error").and_then(|e| e.as_str());
                let said = said.unwrap_or("it gave no answer");
                return Err(Failure::Failed(format!("{method}: {said}")));
            };
            let photo = decode_file(output)
                .map_err(|e| Failure::Failed(e.to_string()))?
                .photo;
            let picture = photo
                .crop_rgb(photo.size.rect())
                .map_err(|e| Failure::Failed(e.to_string()))?;
            fills.insert((*method).to_owned(), Fill { picture, seconds });
        }
        Ok(fills)
    }

    fn ask(&mut self, job: &str) -> std::io::Result<serde_json::Value> {
        let Some(input) = &mut self.input else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        writeln!(input, "{job}")?;
        input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(std::io::Error::other)
    }
}

impl Drop for Rivals {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
