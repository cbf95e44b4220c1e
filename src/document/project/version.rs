//! Owns the version of `project.json` and the steps from older versions to this one. Used by `format`. Must never change
//! a step that a release has shipped.
//!
//! Rules for changes. A new field that old readers may ignore: add it with `#[serde(default)]`, raise `VERSION`, add a
//! migration (it may do nothing). A change that old readers would get wrong: raise `READER` to the new version too.

use serde_json::Value;

use super::ProjectError;
use super::format::FILE_NAME;

/// The format that is written.
pub const VERSION: u32 = 2;
/// The oldest format number whose readers can make sense of what is written.
pub const READER: u32 = 1;

/// One step, from the format whose number is its place in the table (from 1) to the next.
type Migration = fn(Value) -> Result<Value, String>;
/// `MIGRATIONS[n]` leads from format `n + 1` to `n + 2`.
const MIGRATIONS: &[Migration] = &[
    // To 2: parts may have a `source` and fills a `stitch`; those of 1 have none.
    Ok,
];

/// The text `value` as this version has it.
pub fn current(value: Value) -> Result<Value, ProjectError> {
    migrated(value, VERSION, MIGRATIONS)
}

/// The same for a program that knows the formats up to `known`.
fn migrated(mut value: Value, known: u32, steps: &[Migration]) -> Result<Value, ProjectError> {
    let number = |name: &str| {
        let found = value.get(name).and_then(Value::as_u64);
        found
            .and_then(|v| u32::try_from(v).ok())
            .filter(|v| *v > 0)
            .ok_or_else(|| ProjectError::damaged(FILE_NAME, format!("has no {name}")))
    };
    let (version, reader) = (number("version")?, number("reader")?);
    if reader > known {
        return Err(ProjectError::Newer {
            found: version.max(reader),
            known,
        });
    }
    for step in steps.iter().skip(version as usize - 1) {
        value = step(value).map_err(|what| ProjectError::damaged(FILE_NAME, what))?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_older_version_takes_its_own_steps() {
        let steps: &[Migration] = &[
            |mut v| {
                v["path"] = json!("1");
                Ok(v)
            },
            |mut v| {
                let path = v["path"].as_str().unwrap_or("").to_owned();
                v["path"] = json!(path + "2");
                Ok(v)
            },
        ];
        let from = |version: u32| {
            let value = json!({"version": version, "reader": 1, "path": ""});
            migrated(value, 3, steps).expect("migrates")["path"].clone()
        };
        assert_eq!([from(1), from(2), from(3), from(4)], ["12", "2", "", ""]);
        let failing: &[Migration] = &[|_| Err("lost its way".into())];
        let value = json!({"version": 1, "reader": 1});
        let error = migrated(value, 2, failing).expect_err("fails").to_string();
        assert!(error.contains("lost its way"), "{error}");
        assert_eq!(MIGRATIONS.len() + 1, VERSION as usize);
        const { assert!(READER <= VERSION) };
    }
}
