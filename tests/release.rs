//! What a release says of itself in several places: its version, and PGXN's description of it (`META.json`, whose rules are
//! those of the PGXN Meta Spec 1.0.0). It knows files only; whether a release may be made is `tools/release-check`'s matter.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The fields of the specification that we use, those that it demands as mandatory ones. A field that isn't here is a
/// misspelt one, or has to be added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
struct Meta {
    name: String,
    version: String,
    r#abstract: String,
    description: String,
    maintainer: String,
    license: String,
    release_status: String,
    provides: BTreeMap<String, Provided>,
    prereqs: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    tags: Vec<String>,
    #[serde(rename = "meta-spec")]
    meta_spec: MetaSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provided {
    r#abstract: String,
    file: String,
    docfile: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetaSpec {
    version: String,
    url: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The value of a key of the control file.
fn control(key: &str) -> String {
    let text = read("plproxy.control");
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
    value.unwrap_or_else(|| panic!("plproxy.control has no {key}")).trim().trim_matches('\'').to_owned()
}

fn meta() -> Meta {
    serde_json::from_str(&read("META.json")).expect("META.json")
}

/// PGXN's *Term*: two characters at least, and none that make trouble in a path.
fn is_term(text: &str) -> bool {
    text.chars().count() >= 2 && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "/\\:".contains(c))
}

/// PGXN's *Tag*: at most 256 characters, and none of these.
fn is_tag(text: &str) -> bool {
    (1..=256).contains(&text.chars().count()) && !text.contains(|c: char| c.is_control() || "/\\:".contains(c))
}

/// PGXN's *Version*: three numbers, as semantic versions have them.
fn is_version(text: &str) -> bool {
    let number = |part: &str| part.parse::<u32>().is_ok_and(|number| number.to_string() == part);
    let (numbers, rest) = text.split_once(['-', '+']).map_or((text, None), |(numbers, rest)| (numbers, Some(rest)));
    numbers.split('.').count() == 3 && numbers.split('.').all(number) && rest != Some("")
}

#[test]
fn the_rules_for_names_are_rules() {
    assert!(is_term("plproxy") && !is_term("p") && !is_term("a/b") && !is_term("a b") && !is_term("a:b"));
    assert!(is_tag("remote call") && !is_tag("") && !is_tag("a/b") && !is_tag(&"x".repeat(257)));
    assert!(is_version("3.0.0") && is_version("3.0.0-beta1") && is_version("10.20.30"));
    assert!(
        !is_version("3.0")
            && !is_version("3.0.0.0")
            && !is_version("03.0.0")
            && !is_version("3.0.0-")
            && !is_version("v3.0.0")
    );
}

#[test]
fn one_version_everywhere() {
    let meta = meta();
    assert_eq!(control("default_version"), VERSION, "plproxy.control");
    assert_eq!(meta.version, VERSION, "META.json");
    for (name, provided) in &meta.provides {
        assert_eq!(provided.version, VERSION, "META.json, {name}");
    }
    let unreleased = format!("## Unreleased ({VERSION})");
    let released = format!("## {VERSION} (");
    let changelog = read("CHANGELOG.md");
    let newest = changelog.lines().find(|line| line.starts_with("## ")).expect("a version in CHANGELOG.md");
    assert!(newest == unreleased || newest.starts_with(&released), "CHANGELOG.md begins with {newest}");
}

/// From each version that there are objects of, a script leads to this one.
#[test]
fn scripts_lead_to_this_version() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let names = fs::read_dir(directory)
        .expect("sql")
        .map(|entry| entry.expect("sql").file_name().into_string().expect("UTF-8"));
    let scripts: Vec<String> = names.filter(|name| name.ends_with(".sql")).collect();
    assert!(scripts.contains(&format!("plproxy--{VERSION}.sql")), "no script for {VERSION}: {scripts:?}");
    let steps: Vec<(&str, &str)> = scripts
        .iter()
        .map(|name| name.trim_start_matches("plproxy--").trim_end_matches(".sql"))
        .filter_map(|versions| versions.split_once("--"))
        .collect();
    assert!(!steps.is_empty());
    for (from, _) in &steps {
        let mut reached = vec![*from];
        let mut next = 0;
        while next < reached.len() {
            let here = reached[next];
            reached.extend(steps.iter().filter(|step| step.0 == here).map(|step| step.1));
            next += 1;
        }
        assert!(reached.contains(&VERSION), "from {from}, updates lead to {reached:?} only");
    }
}

#[test]
fn pgxn_takes_the_description() {
    let meta = meta();
    assert!(is_term(&meta.name), "{}", meta.name);
    assert!(is_version(&meta.version), "{}", meta.version);
    assert!(
        !meta.r#abstract.trim().is_empty() && !meta.description.trim().is_empty() && !meta.maintainer.trim().is_empty()
    );
    assert_eq!(meta.license, "postgresql", "of PGXN's short names, the one of LICENSE");
    assert!(["stable", "testing", "unstable"].contains(&meta.release_status.as_str()), "{}", meta.release_status);
    assert_eq!(
        (meta.meta_spec.version.as_str(), meta.meta_spec.url.as_str()),
        ("1.0.0", "https://pgxn.org/meta/spec.txt")
    );

    assert!(!meta.tags.is_empty());
    for tag in &meta.tags {
        assert!(is_tag(tag), "{tag}");
    }
    assert_eq!(meta.provides.keys().collect::<Vec<_>>(), ["plproxy"], "what CREATE EXTENSION calls it");
    for (name, provided) in &meta.provides {
        assert!(is_term(name) && is_version(&provided.version) && !provided.r#abstract.trim().is_empty(), "{name}");
        assert!(!read(&provided.file).is_empty() && !read(&provided.docfile).is_empty(), "{name}");
        assert_eq!(provided.file, format!("sql/plproxy--{VERSION}.sql"));
    }
    for (phase, relations) in &meta.prereqs {
        assert!(["configure", "build", "test", "runtime", "develop"].contains(&phase.as_str()), "{phase}");
        for (relation, extensions) in relations {
            assert!(["requires", "recommends", "suggests", "conflicts"].contains(&relation.as_str()), "{relation}");
            for (name, version) in extensions {
                assert!(is_term(name) && is_version(version), "{name} {version}");
            }
        }
    }
}

/// The oldest PostgreSQL that PGXN is told of is the oldest that there is a feature for.
#[test]
fn postgresql_versions_are_those_of_the_features() {
    let cargo = read("Cargo.toml");
    let features = cargo.lines().filter_map(|line| line.strip_prefix("pg")?.split_once(" = [\"pgrx/"));
    let majors: Vec<u32> = features.filter_map(|(major, _)| major.parse().ok()).collect();
    let oldest = majors.iter().min().expect("features pgNN in Cargo.toml");
    assert_eq!(meta().prereqs["runtime"]["requires"]["PostgreSQL"], format!("{oldest}.0.0"));
}
