//! Owns `inlay models list|add|verify`.

use super::args::{ModelsAddArgs, ModelsArgs, ModelsCommand, ModelsListArgs, ModelsVerifyArgs};
use super::{Failure, Outcome};
use crate::models::library::{Entry, EntryKind, Origin, Surroundings, add, verify};

pub fn run(args: &ModelsArgs) -> Outcome {
    let library = Surroundings::of_process();
    match &args.what {
        ModelsCommand::List(list) => run_list(list, &library),
        ModelsCommand::Add(add) => run_add(add, &library),
        ModelsCommand::Verify(verify) => run_verify(verify, &library),
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

fn run_list(args: &ModelsListArgs, library: &Surroundings) -> Outcome {
    let entries = library.list();
    if args.json {
        tell!(
            "{}",
            serde_json::to_string_pretty(&entries).map_err(failed)?
        );
        return Ok(());
    }
    if entries.is_empty() {
        tell!("no models found; add one with: inlay models add FILE");
    }
    let mut kind = None;
    for entry in &entries {
        if kind != Some(entry.kind) {
            kind = Some(entry.kind);
            tell!("{}:", heading(entry.kind));
        }
        tell!("  {}", line(entry));
        tell!("    {}", entry.path.display());
    }
    tell!("looked in:");
    for place in library.places() {
        tell!("  {}", place.path.display());
    }
    Ok(())
}

fn heading(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Model => "models",
        EntryKind::Lora => "LoRAs",
        EntryKind::Vae => "autoencoders",
        EntryKind::Embedding => "textual inversions",
    }
}

/// Name, what it is, size, whose; and why it can't be used.
fn line(entry: &Entry) -> String {
    let mut parts = vec![entry.name.clone()];
    if let Some(info) = &entry.model {
        let family = serde_json::to_value(info.family).ok();
        let family = family.and_then(|v| v.as_str().map(str::to_owned));
        parts.extend(family.filter(|f| f != "unknown"));
        if info.inpainting {
            parts.push("inpainting".to_owned());
        }
        parts.extend(info.native_size.map(|size| size.to_string()));
        parts.extend(info.dtype.clone());
    }
    parts.push(format!("{} MB", entry.bytes.div_ceil(1_000_000)));
    parts.push(match (entry.origin, entry.program) {
        (_, Some(program)) => format!("in {program}"),
        (Origin::HuggingFace, _) => "in the Hugging Face cache".to_owned(),
        (Origin::Added, _) => "added".to_owned(),
        _ => "own".to_owned(),
    });
    let why = entry.model.as_ref().and_then(|m| m.why_not.clone());
    match why {
        Some(why) => format!("{} (can't be used: {why})", parts.join(", ")),
        None => parts.join(", "),
    }
}

fn run_add(args: &ModelsAddArgs, library: &Surroundings) -> Outcome {
    let own = library.own_folder().ok_or_else(|| {
        Failure::Failed("there is no home folder; name a models folder in INLAY_MODELS".to_owned())
    })?;
    let path = add(&own, &args.path, args.copy).map_err(failed)?;
    tell!("{}", path.display());
    Ok(())
}

fn run_verify(args: &ModelsVerifyArgs, library: &Surroundings) -> Outcome {
    let path = if args.model.exists() {
        args.model.clone()
    } else {
        let name = args.model.to_string_lossy();
        library.find_model(&name).ok_or_else(|| {
            Failure::Failed(format!("there is no model {name}; see: inlay models list"))
        })?
    };
    let verdicts = verify(&path).map_err(failed)?;
    if args.json {
        tell!(
            "{}",
            serde_json::to_string_pretty(&verdicts).map_err(failed)?
        );
    } else {
        for verdict in &verdicts {
            let state = verdict.problem.as_deref().unwrap_or("whole");
            tell!("{}  {}: {state}", verdict.sha256, verdict.file.display());
        }
    }
    let bad = verdicts.iter().filter(|v| v.problem.is_some()).count();
    if bad == 0 {
        Ok(())
    } else {
        Err(Failure::Failed(format!(
            "{bad} of {} files are damaged",
            verdicts.len()
        )))
    }
}
