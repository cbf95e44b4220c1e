//! Owns how LoRA files name things: kohya's scripts (`lora_unet_…`), diffusers and peft (`unet.….lora_A.weight`), and the oldest
//! diffusers (`….processor.to_q_lora.down.weight`). Used by `lora`. Must never look at shapes.

/// Which network a module belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    UNet,
    Text,
    SecondText,
}

impl Network {
    /// The component's name in a model's folder.
    pub const fn component(self) -> &'static str {
        match self {
            Self::UNet => "unet",
            Self::Text => "text_encoder",
            Self::SecondText => "text_encoder_2",
        }
    }
}

/// What a tensor is within its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Down,
    Up,
    Mid,
    Alpha,
    /// A whole difference of the weight.
    Difference,
    /// A whole difference of the bias.
    BiasDifference,
    /// Of a kind of LoRA that is not read, by its usual name.
    Other(&'static str),
}

/// Endings, by role.
const ENDINGS: [(&str, Role); 24] = [
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".lora_mid.weight", Role::Mid),
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_A.default.weight", Role::Down),
    (".lora_B.default.weight", Role::Up),
    (".lora_A.default_0.weight", Role::Down),
    (".lora_B.default_0.weight", Role::Up),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    ("_lora.down.weight", Role::Down),
    ("_lora.up.weight", Role::Up),
    (".alpha", Role::Alpha),
    (".diff", Role::Difference),
    (".diff_b", Role::BiasDifference),
    (".dora_scale", Role::Other("DoRA")),
    (".lora_magnitude_vector", Role::Other("DoRA")),
    (".hada_w1_a", Role::Other("LoHa")),
    (".lokr_w1", Role::Other("LoKr")),
    (".oft_blocks", Role::Other("OFT")),
    (".a1.weight", Role::Other("GLoRA")),
];

/// A tensor's network, its module (dots and underscores all as underscores, without the network's own prefix) and its role. `None`
/// for what is no part of a LoRA.
pub fn split(name: &str) -> Option<(Network, String, Role)> {
    let name = name.strip_prefix("base_model.model.").unwrap_or(name);
    let (module, role) = ENDINGS
        .iter()
        .find_map(|(ending, role)| Some((name.strip_suffix(ending)?, *role)))?;
    let prefixes = [
        ("lora_unet_", Network::UNet),
        ("lora_te_", Network::Text),
        ("lora_te1_", Network::Text),
        ("lora_te2_", Network::SecondText),
        ("unet.", Network::UNet),
        ("text_encoder.", Network::Text),
        ("text_encoder_2.", Network::SecondText),
    ];
    let found = prefixes
        .iter()
        .find_map(|(prefix, network)| Some((*network, module.strip_prefix(prefix)?)));
    let (network, module) = found.unwrap_or((Network::UNet, module));
    // The oldest files name a module's processor, and the output layer without its place in a list.
    let module = module.replace(".processor.", ".");
    let mut key = key(&module);
    if key.ends_with("_to_out") {
        key.push_str("_0");
    }
    Some((network, key, role))
}

/// A module's path as LoRAs that flatten it write it; text models without their old prefix.
pub fn key(module: &str) -> String {
    let flat = module.replace('.', "_");
    match flat.strip_prefix("text_model_") {
        Some(rest) => rest.to_owned(),
        None => flat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_naming_one_module_are_one() {
        let want = "down_blocks_0_attentions_1_transformer_blocks_0_attn2_to_out_0";
        for name in [
            "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn2_to_out_0.lora_down.weight",
            "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_out.0.lora_A.weight",
            "base_model.model.down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_out.0.lora_A.default.weight",
            "down_blocks.0.attentions.1.transformer_blocks.0.attn2.processor.to_out_lora.down.weight",
            "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_out.0.lora.down.weight",
        ] {
            assert_eq!(
                split(name),
                Some((Network::UNet, want.to_owned(), Role::Down)),
                "{name}"
            );
        }
        let text = "encoder_layers_3_self_attn_q_proj".to_owned();
        for (name, network) in [
            (
                "lora_te_text_model_encoder_layers_3_self_attn_q_proj.lora_up.weight",
                Network::Text,
            ),
            (
                "lora_te2_text_model_encoder_layers_3_self_attn_q_proj.lora_up.weight",
                Network::SecondText,
            ),
            (
                "text_encoder.text_model.encoder.layers.3.self_attn.q_proj.lora_B.weight",
                Network::Text,
            ),
            (
                "text_encoder_2.text_model.encoder.layers.3.self_attn.q_proj.lora_linear_layer.up.weight",
                Network::SecondText,
            ),
        ] {
            assert_eq!(
                split(name),
                Some((network, text.clone(), Role::Up)),
                "{name}"
            );
        }
        assert_eq!(split("model.diffusion_model.out.2.weight"), None);
    }
}
