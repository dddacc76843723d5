//! The template of a release: the repository's, changed where it names what was built on this machine.
//!
//! It is changed as text, so that everything else stays as it was written and read. A line that is not as expected is refused:
//! it would deploy something else than what the release has.

use std::collections::BTreeMap;

use operator::deploy::NESTED_TEMPLATES;
use operator::{Error, Result};

/// Is the group of the new parameters.
const GROUP: &str = "      - Label: { default: Release }
        Parameters: [ArtifactsBucket, ArtifactsPrefix]";
/// Defines the parameters that a release adds: where its files lie.
const PARAMETERS: &str = "  ArtifactsBucket:
    Type: String
    AllowedPattern: ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$
    Description: Bucket of this region that the files of the release lie in.
  ArtifactsPrefix:
    Type: String
    AllowedPattern: ^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$
    Description: Where they lie in ArtifactsBucket. Another release needs another place, or its code is not deployed.";
/// Is how the repository's template finds the binary of a domain.
const DOMAINS: &str = "CodeUri: !Join [/, [target/lambda, !FindInMap [Domains, !Ref Domain, Name]]]";
/// Is how a release does. The parameters stand in a `Sub`, not in a `Ref`: in a resource whose condition does not hold,
/// `AWS::LanguageExtensions` takes each `Ref` to a parameter out, and SAM refuses code without a bucket even there.
const PACKAGED_DOMAINS: &str = "CodeUri: { Bucket: !Sub \"${ArtifactsBucket}\", Key: !Join [/, [!Sub \"${ArtifactsPrefix}/functions/\
                                ${Architecture}\", !Sub [\"${Name}.zip\", { Name: !FindInMap [Domains, !Ref Domain, Name] }]]] }";
const FUNCTION: &str = "CodeUri: target/lambda/";
const NESTED: &str = "Type: AWS::Serverless::Application";
/// Is what a release makes of it: the location is a function there, which CloudFormation takes and SAM does
/// not.
const PACKAGED_NESTED: &str = "Type: AWS::CloudFormation::Stack";
/// Is the section that what the nested templates are to be is written into.
const METADATA: &str = "Metadata:";
const LOCATION: &str = "Location: ";
/// Is what no line of a release may name.
const BUILT_HERE: &str = "target/lambda";

/// Names the edits that make the template of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edit {
    Metadata,
    Groups,
    Parameters,
    Function,
    Domains,
    Nested,
    Location,
}

/// Holds a template of a release, and what it is deployed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagedTemplate {
    /// Is its text.
    pub text: String,
    /// Names the binaries that it names by name; those of the domains are named by their mapping.
    pub functions: Vec<String>,
    /// Names the nested templates, by their paths.
    pub nested: Vec<String>,
}

/// Makes the template of a release from the repository's. `sum` gives the SHA-256 of a nested template in hex, by its path, which
/// is what CloudFormation is to find in the bucket.
///
/// # Errors
///
/// [`Error`] when the template is not written as it is expected to be, so that something of it would stay behind.
pub fn packaged(template: &str, sum: impl Fn(&str) -> Result<String>) -> Result<PackagedTemplate> {
    let mut counts: BTreeMap<Edit, usize> = BTreeMap::new();
    let (mut lines, mut functions, mut nested) = (Vec::new(), Vec::new(), Vec::new());
    for line in template.lines() {
        let text = line.trim_start();
        let Some((edit, changed)) = change(line) else {
            lines.push(line.to_owned());
            continue;
        };
        *counts.entry(edit).or_default() += 1;
        lines.push(changed);
        match edit {
            Edit::Function => functions.push(text.trim_start_matches(FUNCTION).to_owned()),
            Edit::Location => nested.push(text.trim_start_matches(LOCATION).to_owned()),
            Edit::Metadata | Edit::Groups | Edit::Parameters | Edit::Domains | Edit::Nested => {}
        }
    }
    check(&counts, &functions, &nested)?;
    let metadata = lines.iter().position(|line| line == METADATA);
    let metadata = metadata.expect("it was counted");
    lines.insert(metadata + 1, format!("  {NESTED_TEMPLATES}:"));
    for (index, path) in nested.iter().enumerate() {
        lines.insert(metadata + 2 + index, format!("    {path}: \"{}\"", sum(path)?));
    }
    if let Some(index) = lines.iter().position(|line| line.contains(BUILT_HERE)) {
        return Err(unexpected(&format!(
            "it still names {BUILT_HERE}: {}",
            lines[index].trim()
        )));
    }
    Ok(PackagedTemplate {
        text: lines.join("\n") + "\n",
        functions,
        nested,
    })
}

/// Refuses a template in which what has to be changed is not there once, or not with its counterpart.
fn check(counts: &BTreeMap<Edit, usize>, functions: &[String], nested: &[String]) -> Result<()> {
    let count = |edit| counts.get(&edit).copied().unwrap_or_default();
    for (edit, what) in [
        (Edit::Metadata, "section `Metadata:`"),
        (Edit::Groups, "line `ParameterGroups:`"),
        (Edit::Parameters, "section `Parameters:`"),
        (Edit::Domains, "loop over the domains with `CodeUri: !Join`"),
    ] {
        let found = count(edit);
        if found != 1 {
            return Err(unexpected(&format!(
                "it has {found} times the {what}, and not once"
            )));
        }
    }
    if functions.is_empty() {
        return Err(unexpected("it has no line `CodeUri: target/lambda/...`"));
    }
    let (types, locations) = (count(Edit::Nested), nested.len());
    if locations == 0 || types != locations {
        return Err(unexpected(&format!(
            "it has {types} nested templates, and {locations} locations of such"
        )));
    }
    Ok(())
}

/// Gives a line as a release has it, if it is one of those that are changed.
fn change(line: &str) -> Option<(Edit, String)> {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let changed = match text {
        METADATA if indent.is_empty() => (Edit::Metadata, line.to_owned()),
        "ParameterGroups:" => (Edit::Groups, format!("{line}\n{GROUP}")),
        "Parameters:" if indent.is_empty() => (Edit::Parameters, format!("{line}\n{PARAMETERS}")),
        DOMAINS => (Edit::Domains, format!("{indent}{PACKAGED_DOMAINS}")),
        NESTED => (Edit::Nested, format!("{indent}{PACKAGED_NESTED}")),
        _ => {
            if let Some(binary) = text.strip_prefix(FUNCTION) {
                let key = format!("${{ArtifactsPrefix}}/functions/${{Architecture}}/{binary}.zip");
                let code =
                    format!("CodeUri: {{ Bucket: !Sub \"${{ArtifactsBucket}}\", Key: !Sub \"{key}\" }}");
                return Some((Edit::Function, format!("{indent}{code}")));
            }
            let path = text.strip_prefix(LOCATION)?;
            let host = "https://s3.${AWS::Region}.${AWS::URLSuffix}";
            let url = format!("{host}/${{ArtifactsBucket}}/${{ArtifactsPrefix}}/{path}");
            (Edit::Location, format!("{indent}TemplateURL: !Sub \"{url}\""))
        }
    };
    Some(changed)
}

fn unexpected(what: &str) -> Error {
    Error::failed(format!(
        "template.yaml cannot be packaged: {what}; tools/release/src/template.rs says what is changed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"Metadata:
  AWS::CloudFormation::Interface:
    ParameterGroups:
      - Label: { default: Receiving }
        Parameters: [WebhookPath]

Parameters:
  WebhookPath:
    Type: String

Resources:
  IngestFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/ingest
  Fn::ForEach::Domains:
    - Domain
    - [Users]
    - ${Domain}Function:
        Properties:
          CodeUri: !Join [/, [target/lambda, !FindInMap [Domains, !Ref Domain, Name]]]
  Alarms:
    Type: AWS::Serverless::Application
    Properties:
      Location: infra/alarms.yaml
      Parameters:
        StackName: !Ref AWS::StackName
"#;

    const PACKAGED: &str = r#"Metadata:
  NestedTemplates:
    infra/alarms.yaml: "00ff"
  AWS::CloudFormation::Interface:
    ParameterGroups:
      - Label: { default: Release }
        Parameters: [ArtifactsBucket, ArtifactsPrefix]
      - Label: { default: Receiving }
        Parameters: [WebhookPath]

Parameters:
  ArtifactsBucket:
    Type: String
    AllowedPattern: ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$
    Description: Bucket of this region that the files of the release lie in.
  ArtifactsPrefix:
    Type: String
    AllowedPattern: ^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$
    Description: Where they lie in ArtifactsBucket. Another release needs another place, or its code is not deployed.
  WebhookPath:
    Type: String

Resources:
  IngestFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: { Bucket: !Sub "${ArtifactsBucket}", Key: !Sub "${ArtifactsPrefix}/functions/${Architecture}/ingest.zip" }
  Fn::ForEach::Domains:
    - Domain
    - [Users]
    - ${Domain}Function:
        Properties:
          CodeUri: { Bucket: !Sub "${ArtifactsBucket}", Key: !Join [/, [!Sub "${ArtifactsPrefix}/functions/${Architecture}", !Sub ["${Name}.zip", { Name: !FindInMap [Domains, !Ref Domain, Name] }]]] }
  Alarms:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: !Sub "https://s3.${AWS::Region}.${AWS::URLSuffix}/${ArtifactsBucket}/${ArtifactsPrefix}/infra/alarms.yaml"
      Parameters:
        StackName: !Ref AWS::StackName
"#;

    fn sum(path: &str) -> Result<String> {
        assert_eq!(path, "infra/alarms.yaml");
        Ok("00ff".to_owned())
    }

    #[test]
    fn parameters_code_and_nested_templates_are_changed_and_nothing_else() {
        let made = packaged(TEMPLATE, sum).unwrap();
        assert_eq!(made.text, PACKAGED);
        assert_eq!(made.functions, ["ingest"]);
        assert_eq!(made.nested, ["infra/alarms.yaml"]);
    }

    #[test]
    fn a_template_that_is_written_otherwise_is_refused_with_a_sentence() {
        for (from, to, told) in [
            (
                "Metadata:\n",
                "Metadata: \n",
                "it has 0 times the section `Metadata:`",
            ),
            (
                "    ParameterGroups:\n",
                "",
                "it has 0 times the line `ParameterGroups:`",
            ),
            (
                "\nParameters:\n",
                "\nParameters: {}\n",
                "it has 0 times the section `Parameters:`",
            ),
            (
                "!Join [/, [target/lambda, ",
                "!Join [/, [target/lambda/, ",
                "loop over the domains",
            ),
            (
                "CodeUri: target/lambda/ingest",
                "CodeUri: ./target/lambda/ingest",
                "it has no line `CodeUri:",
            ),
            (
                "      CodeUri: target/lambda/ingest\n",
                "      CodeUri: target/lambda/ingest\n      Description: It is in target/lambda\n",
                "it still names target/lambda: Description: It is in target/lambda",
            ),
            (
                "      Location: infra/alarms.yaml\n",
                "",
                "1 nested templates, and 0 locations",
            ),
        ] {
            let template = TEMPLATE.replacen(from, to, 1);
            assert_ne!(template, TEMPLATE, "{from}");
            let error = packaged(&template, sum).unwrap_err().to_string();
            assert!(error.starts_with("template.yaml cannot be packaged: "), "{error}");
            assert!(error.contains(told), "{error}");
        }
    }
}
