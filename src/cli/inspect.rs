//! Owns `inlay inspect`: says what a model folder or file is, without loading it.

use super::args::InspectArgs;
use super::{Failure, Outcome};
use crate::engine::memory_needs;
use crate::models;

pub fn run(args: &InspectArgs) -> Outcome {
    let info = models::inspect(&args.model).map_err(|error| Failure::Failed(error.to_string()))?;
    let mut value =
        serde_json::to_value(&info).map_err(|error| Failure::Failed(error.to_string()))?;
    // What can't be run needs nothing.
    if let (Some(fields), Ok(needs)) = (value.as_object_mut(), memory_needs(&args.model)) {
        let needs = serde_json::to_value(needs);
        let needs = needs.map_err(|error| Failure::Failed(error.to_string()))?;
        fields.insert("memory_to_run".to_owned(), needs);
    }
    if args.json {
        let text = serde_json::to_string_pretty(&value)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        tell!("{text}");
        return Ok(());
    }
    print_fields(&value, "");
    Ok(())
}

/// One `name: value` a line; nested ones indented.
fn print_fields(value: &serde_json::Value, indent: &str) {
    let Some(fields) = value.as_object() else {
        return;
    };
    for (name, value) in fields {
        let name = name.replace('_', " ");
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::Object(_) => {
                tell!("{indent}{name}:");
                print_fields(value, &format!("{indent}  "));
            }
            serde_json::Value::Array(items) => {
                let items: Vec<String> = items.iter().map(plain).collect();
                tell!("{indent}{name}: {}", items.join(", "));
            }
            other => tell!("{indent}{name}: {}", plain(other)),
        }
    }
}

fn plain(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
