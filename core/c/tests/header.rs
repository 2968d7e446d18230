//! The committed header is what the source says.
//!
//! `SCARCE_HEADER=write cargo test -p scarce-c --features header --test header` writes it anew.

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, ExportConfig, Language, RenameRule, Style};
use std::collections::HashMap;
use std::path::Path;
use std::{env, fs};

/// In the order of the header.
const SOURCES: [&str; 11] = [
    "status",
    "batch",
    "reduction",
    "cross_entropy",
    "focal",
    "overlap",
    "lovasz",
    "ohem",
    "sum",
    "semantic_encoding",
    "pixel_contrast",
];

/// Types, and what C calls them after `scarce_`.
const STRUCTS: [(&str, &str); 16] = [
    ("ErrorReport", "error"),
    ("Batch", "batch"),
    ("CrossEntropyOptions", "cross_entropy_options"),
    ("BinaryCrossEntropyOptions", "binary_cross_entropy_options"),
    ("FocalOptions", "focal_options"),
    ("SigmoidFocalOptions", "sigmoid_focal_options"),
    ("OverlapOptions", "overlap_options"),
    ("LovaszOptions", "lovasz_options"),
    ("LovaszHingeOptions", "lovasz_hinge_options"),
    ("OhemOptions", "ohem_options"),
    ("CrossEntropyLovaszOptions", "cross_entropy_lovasz_options"),
    ("CrossEntropyOverlapOptions", "cross_entropy_overlap_options"),
    ("Presence", "presence"),
    ("SemanticEncodingOptions", "semantic_encoding_options"),
    ("Embeddings", "embeddings"),
    ("PixelContrastOptions", "pixel_contrast_options"),
];

/// No function has one among its types, so that their size, which differs between compilers, does not matter.
const ENUMERATIONS: [(&str, &str); 12] = [
    ("Status", "status"),
    ("Buffer", "buffer"),
    ("Parameter", "parameter"),
    ("Layout", "layout"),
    ("Reduction", "reduction"),
    ("Index", "index"),
    ("Form", "form"),
    ("Absent", "absent"),
    ("VolumeWeights", "volume_weights"),
    ("Classes", "classes"),
    ("OhemRule", "ohem_rule"),
    ("MinKept", "min_kept"),
];

fn header() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let types = ENUMERATIONS.iter().chain(&STRUCTS);
    let names: HashMap<String, String> =
        types.clone().map(|(name, in_c)| (name.to_string(), format!("scarce_{in_c}"))).collect();
    let config = Config {
        language: Language::C,
        header: Some(include_str!("header/first.h").trim_end().to_owned()),
        include_guard: Some("SCARCE_H".to_owned()),
        no_includes: true,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        after_includes: Some(include_str!("header/scratch.h").trim_end().to_owned()),
        cpp_compat: true,
        style: Style::Tag,
        usize_is_size_t: true,
        documentation_style: DocumentationStyle::C99,
        line_length: 120,
        export: ExportConfig {
            include: types.map(|(name, _)| name.to_string()).collect(),
            rename: names,
            ..ExportConfig::default()
        },
        enumeration: EnumConfig { rename_variants: RenameRule::QualifiedScreamingSnakeCase, ..EnumConfig::default() },
        ..Config::default()
    };
    let builder = SOURCES.iter().fold(Builder::new().with_config(config), |builder, source| {
        builder.with_src(folder.join(format!("src/{source}.rs")))
    });
    let mut text = Vec::new();
    builder.generate().expect("the source has no type that C cannot have").write(&mut text);
    String::from_utf8(text).expect("the source is UTF-8")
}

#[test]
fn header_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/scarce.h");
    let current = header();
    if env::var("SCARCE_HEADER").is_ok_and(|wish| wish == "write") {
        fs::write(&path, &current).expect("the header can be written");
    }
    let committed = fs::read_to_string(&path).expect("the header is there");
    assert!(
        committed == current,
        "include/scarce.h is not what the source says: SCARCE_HEADER=write cargo test -p scarce-c --features header --test header"
    );
}
