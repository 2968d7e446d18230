//! The committed header is what the source says.
//!
//! `SCARCE_HEADER=write cargo test -p scarce-c --test header` writes it anew.

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, ExportConfig, Language, RenameRule, Style};
use std::path::Path;
use std::{env, fs};

/// In the order of the header.
const SOURCES: [&str; 10] = [
    "status", "batch", "reduction", "cross_entropy", "focal", "overlap", "lovasz", "ohem", "sum", "semantic_encoding",
];
const LAST_SOURCE: &str = "pixel_contrast";

/// What a type is called in C, where that is not `scarce_` and its name in small letters.
const NAMES: [(&str, &str); 2] = [("ErrorReport", "scarce_error"), ("SCARCE", "scarce")];

const MACROS: &str = include_str!("../src/scratch.h");

fn header() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config {
        language: Language::C,
        header: Some("/* The losses of scarce. Their formulas: the documentation of the Rust library. */".into()),
        include_guard: Some("SCARCE_H".into()),
        after_includes: Some(MACROS.into()),
        no_includes: true,
        sys_includes: vec!["stddef.h".into(), "stdint.h".into()],
        cpp_compat: true,
        style: Style::Tag,
        usize_is_size_t: true,
        documentation_style: DocumentationStyle::C,
        line_length: 120,
        enumeration: EnumConfig { rename_variants: RenameRule::QualifiedScreamingSnakeCase, ..EnumConfig::default() },
        ..Config::default()
    };
    let mut builder = Builder::new().with_config(config);
    for source in SOURCES.iter().chain([&LAST_SOURCE]) {
        let path = folder.join(format!("src/{source}.rs"));
        builder = builder.with_src(path);
    }
    let mut text = Vec::new();
    builder.generate().expect("the source has no type that C cannot have").write(&mut text);
    String::from_utf8(text).expect("the source is UTF-8")
}

#[test]
fn header_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/scarce.h");
    let text = header();
    fs::write(&path, &text).unwrap();
}
