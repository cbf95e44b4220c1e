//! Owns LoRAs: reading their files, finding the weights that they change, and saying which model they fit where they fit not this
//! one. Used by the pipeline. Must never load a model's weights: it makes the `Deltas` that are added while they load.

mod names;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diffusion::checkpoint::{Family, contents, ldm_block_names};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::folder::ModelFolder;
use crate::diffusion::weights::{Delta, Deltas, Factor, Header, WeightFiles, read_header};
use names::{Network, Role, key, split};

/// A LoRA and how strongly it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// Its file, safetensors or PyTorch.
    pub path: PathBuf,
    /// 1 as it was trained; any other number, below 0 too.
    pub weight: f32,
}

/// The tensors of one module of a LoRA.
#[derive(Debug, Default)]
struct Module {
    down: Option<Factor>,
    up: Option<Factor>,
    mid: Option<Factor>,
    alpha: Option<Factor>,
    difference: Option<Factor>,
    bias: Option<Factor>,
}

type Modules = BTreeMap<(Network, String), Module>;

/// A model's weights by module: full name and how many numbers.
type Targets = HashMap<(Network, String), Vec<(String, usize)>>;

/// What all of `loras` add to the model, and how many modules of each LoRA found no weight.
pub fn resolve(folder: &ModelFolder, loras: &[Lora]) -> Result<(Deltas, Vec<usize>)> {
    let mut components: HashMap<&'static str, HashMap<String, Vec<Delta>>> = HashMap::new();
    let mut left_over = Vec::new();
    if loras.is_empty() {
        return Ok((Deltas::default(), left_over));
    }
    let targets = targets(folder)?;
    let original = original_names(folder);
    for lora in loras {
        let header = read_header(&lora.path)?;
        let modules = modules(&header)?;
        if fits(&modules).is_some_and(|family| family != folder.family()) {
            return Err(unfit(&lora.path, &modules, folder));
        }
        let (mut found, mut found_in_unet, mut missed) = (0, 0, 0);
        for ((network, key), module) in &modules {
            let translated = diffusers_key(key, &original);
            let Some(weights) = targets.get(&(*network, translated)) else {
                missed += 1;
                continue;
            };
            for (name, delta) in deltas(&lora.path, module, lora.weight)? {
                let full = weights.iter().find(|(full, _)| full.ends_with(name));
                let Some((full, count)) = full else {
                    continue;
                };
                if !delta.is_sound() || delta.count() != *count {
                    return Err(unfit(&lora.path, &modules, folder));
                }
                let component = components.entry(network.component()).or_default();
                component.entry(full.clone()).or_default().push(delta);
                found += 1;
                found_in_unet += usize::from(*network == Network::UNet);
            }
        }
        // Text encoders are alike in several generations; the UNet decides.
        let in_unet = modules.keys().any(|(network, _)| *network == Network::UNet);
        if found == 0 || (in_unet && found_in_unet == 0) {
            return Err(unfit(&lora.path, &modules, folder));
        }
        left_over.push(missed);
    }
    Ok((Deltas::new(components), left_over))
}

/// The LoRA's modules. Fails for other files and for kinds that are not read.
fn modules(header: &Header) -> Result<Modules> {
    let path = Arc::new(header.path.clone());
    let mut modules = Modules::new();
    for (name, entry) in &header.tensors {
        let Some((network, key, role)) = split(name) else {
            continue;
        };
        if let Role::Other(kind) = role {
            return Err(DiffusionError::weights(
                &header.path,
                format!("is a {kind}, which is not supported; use a plain LoRA"),
            ));
        }
        let module = modules.entry((network, key)).or_default();
        let factor = Some(Factor::new(&path, name, entry));
        match role {
            Role::Down => module.down = factor,
            Role::Up => module.up = factor,
            Role::Mid => module.mid = factor,
            Role::Alpha => module.alpha = factor,
            Role::Difference => module.difference = factor,
            Role::BiasDifference => module.bias = factor,
            Role::Other(_) => {}
        }
    }
    modules.retain(|_, m| m.down.is_some() || m.difference.is_some() || m.bias.is_some());
    if modules.is_empty() {
        let problem = format!("is no LoRA: it {}", contents(header).complaint());
        return Err(DiffusionError::weights(&header.path, problem));
    }
    Ok(modules)
}

/// What a module adds, to `weight` or `bias`.
fn deltas(path: &Path, module: &Module, weight: f32) -> Result<Vec<(&'static str, Delta)>> {
    let mut out = Vec::new();
    if let Some(down) = &module.down {
        let up = module.up.as_ref().ok_or_else(|| {
            DiffusionError::weights(path, "lacks half of a LoRA's matrices; download it again")
        })?;
        let rank = down.rows().max(1) as f32;
        let alpha = match &module.alpha {
            Some(alpha) => alpha.read()?.first().copied().unwrap_or(rank),
            None => rank,
        };
        out.push((
            ".weight",
            Delta::Product {
                up: up.clone(),
                mid: module.mid.clone().map(Box::new),
                down: down.clone(),
                scale: weight * alpha / rank,
            },
        ));
    }
    for (name, whole) in [(".weight", &module.difference), (".bias", &module.bias)] {
        if let Some(difference) = whole {
            let difference = difference.clone();
            out.push((
                name,
                Delta::Whole {
                    difference,
                    scale: weight,
                },
            ));
        }
    }
    Ok(out)
}

fn targets(folder: &ModelFolder) -> Result<Targets> {
    let mut targets = Targets::new();
    let mut add = |network: Network, files: &WeightFiles| -> Result<()> {
        for (name, count) in files.names()? {
            let module = name
                .strip_suffix(".weight")
                .or_else(|| name.strip_suffix(".bias"));
            if let Some(module) = module {
                let at = (network, key(module));
                targets.entry(at).or_default().push((name, count));
            }
        }
        Ok(())
    };
    add(Network::UNet, &folder.unet_files)?;
    add(Network::Text, &folder.text_files)?;
    if let Some(second) = &folder.second_text {
        add(Network::SecondText, &second.files)?;
    }
    Ok(targets)
}

/// Flattened module paths of the original code's UNet with those of diffusers', the longest first.
fn original_names(folder: &ModelFolder) -> Vec<(String, String)> {
    let names = ldm_block_names(&folder.unet);
    let mut pairs: Vec<(String, String)> = names
        .iter()
        .map(|(to, from)| (key(from), key(to)))
        .collect();
    pairs.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    pairs
}

/// A module's flattened path in diffusers' naming.
fn diffusers_key(module: &str, original: &[(String, String)]) -> String {
    let module = module
        .strip_prefix("model_diffusion_model_")
        .unwrap_or(module);
    let renamed = original.iter().find_map(|(from, to)| {
        let rest = module.strip_prefix(from.as_str())?;
        (rest.is_empty() || rest.starts_with('_')).then(|| format!("{to}{rest}"))
    });
    renamed.unwrap_or_else(|| module.to_owned())
}

/// Which model a LoRA is for, by the width of the text that its cross-attention reads, or by which text encoders it changes.
fn fits(modules: &Modules) -> Option<Family> {
    let width = modules.iter().find_map(|((network, key), module)| {
        let reads = *network == Network::UNet && key.ends_with("attn2_to_k");
        reads.then(|| module.down.as_ref().map(Factor::columns))?
    });
    let second = modules
        .keys()
        .any(|(network, _)| *network == Network::SecondText);
    match width {
        Some(768) => Some(Family::Sd1),
        Some(1024) => Some(Family::Sd2),
        Some(2048) => Some(Family::Sdxl),
        _ if second => Some(Family::Sdxl),
        _ => None,
    }
}

fn unfit(path: &Path, modules: &Modules, folder: &ModelFolder) -> DiffusionError {
    let own = folder.family();
    let problem = match fits(modules) {
        Some(family) if family != own => format!(
            "is a LoRA for {family} models, but the model is {own}; choose a LoRA made for {own}"
        ),
        _ => {
            let networks: BTreeSet<&str> = modules.keys().map(|(n, _)| n.component()).collect();
            let networks: Vec<&str> = networks.into_iter().collect();
            format!(
                "is a LoRA for another kind of model (it changes {}); choose one made for {own}",
                networks.join(", ")
            )
        }
    };
    DiffusionError::weights(path, problem)
}
