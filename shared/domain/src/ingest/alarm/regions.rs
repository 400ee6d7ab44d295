//! What SNS calls AWS's regions, for people, and what everything else calls them.
//! <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>

/// The part in brackets, and the code. `EU (Frankfurt)` is also called `Europe (Frankfurt)`.
const PLACES: [(&str, &str); 38] = [
    ("N. Virginia", "us-east-1"),
    ("Ohio", "us-east-2"),
    ("N. California", "us-west-1"),
    ("Oregon", "us-west-2"),
    ("US-East", "us-gov-east-1"),
    ("US-West", "us-gov-west-1"),
    ("Calgary", "ca-west-1"),
    ("Sao Paulo", "sa-east-1"),
    ("São Paulo", "sa-east-1"),
    ("Cape Town", "af-south-1"),
    ("Hong Kong", "ap-east-1"),
    ("Taipei", "ap-east-2"),
    ("Mumbai", "ap-south-1"),
    ("Hyderabad", "ap-south-2"),
    ("Singapore", "ap-southeast-1"),
    ("Sydney", "ap-southeast-2"),
    ("Jakarta", "ap-southeast-3"),
    ("Melbourne", "ap-southeast-4"),
    ("Malaysia", "ap-southeast-5"),
    ("New Zealand", "ap-southeast-6"),
    ("Thailand", "ap-southeast-7"),
    ("Tokyo", "ap-northeast-1"),
    ("Seoul", "ap-northeast-2"),
    ("Osaka", "ap-northeast-3"),
    ("Osaka-Local", "ap-northeast-3"),
    ("Frankfurt", "eu-central-1"),
    ("Zurich", "eu-central-2"),
    ("Ireland", "eu-west-1"),
    ("London", "eu-west-2"),
    ("Paris", "eu-west-3"),
    ("Stockholm", "eu-north-1"),
    ("Milan", "eu-south-1"),
    ("Spain", "eu-south-2"),
    ("Bahrain", "me-south-1"),
    ("UAE", "me-central-1"),
    ("Tel Aviv", "il-central-1"),
    ("Beijing", "cn-north-1"),
    ("Ningxia", "cn-northwest-1"),
];

/// The code of a region by its name for people; a name we do not know stays as it is.
pub(super) fn code(name: &str) -> &str {
    match name {
        "Canada (Central)" => "ca-central-1",
        "Mexico (Central)" => "mx-central-1",
        _ => {
            let place = name.split_once('(').and_then(|(_, place)| place.trim_end().strip_suffix(')'));
            PLACES.iter().find(|(known, _)| Some(*known) == place).map_or(name, |(_, code)| code)
        }
    }
}

/// The partition of a region, as its ARNs have it.
pub(super) fn partition(code: &str) -> &'static str {
    match code {
        code if code.starts_with("cn-") => "aws-cn",
        code if code.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
