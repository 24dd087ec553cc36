//! The forms in which a person is called whose full name a text gives.
//!
//! An opening has the name in full, *William Martin Joel*; others call the same person *Billy Joel*,
//! *William Joel* or *William M. Joel*.

/// Given names of the English-speaking world and the short forms of them, a line each.
const SHORT_FORMS: [&str; 66] = [
    "abraham abe",
    "albert al bert",
    "alexander alex alec sandy",
    "alfred al alf fred",
    "andrew andy drew",
    "anthony tony",
    "antonio tony",
    "arthur art",
    "barbara barb babs",
    "benjamin ben benny",
    "bernard bernie",
    "catherine cathy kate katie cat",
    "charles charlie chuck chas",
    "christina christie tina",
    "christine chris tina",
    "christopher chris kit",
    "daniel dan danny",
    "david dave davy",
    "deborah debbie deb",
    "donald don donnie",
    "dorothy dot dottie",
    "edward ed eddie ted teddy ned",
    "eleanor ellie nell",
    "elizabeth liz beth betty bess eliza lizzie",
    "eugene gene",
    "francis frank fran",
    "franklin frank",
    "frederick fred freddie",
    "gerald gerry jerry",
    "gregory greg",
    "harold hal harry",
    "henry harry hank",
    "jacob jake",
    "james jim jimmy jamie",
    "jeffrey jeff",
    "jennifer jen jenny",
    "jonathan jon jonny",
    "john jack johnny",
    "joseph joe joey",
    "katherine kathy kate katie kat",
    "kenneth ken kenny",
    "lawrence larry",
    "leonard len leo lenny",
    "margaret maggie meg peggy",
    "matthew matt",
    "michael mike mick mickey",
    "nicholas nick nicky",
    "patricia pat patty tricia",
    "patrick pat paddy",
    "peter pete",
    "philip phil",
    "raymond ray",
    "richard dick rick rich ricky",
    "robert bob bobby rob robbie bert",
    "ronald ron ronnie",
    "samuel sam sammy",
    "susan sue susie",
    "theodore ted teddy theo",
    "thomas tom tommy",
    "timothy tim timmy",
    "victoria vicky",
    "vincent vince vinny",
    "virginia ginny",
    "walter walt wally",
    "william bill billy will willie liam",
    "zachary zach zack",
];

/// Weight of a name with words left out.
const SHORT: f32 = 0.7;
/// Longest name that forms are made of, in words.
const LONGEST: usize = 7;

/// Forms of a full name in addition to itself, each with its weight from 0 to 1. `words` are folded, given
/// names first. A name with *of*, as of a prince, has none.
pub(super) fn forms(words: &[String]) -> Vec<(String, f32)> {
    let [first, middle @ .., last] = words else { return Vec::new() };
    if words.len() > LONGEST || words.iter().any(|word| word == "of") {
        return Vec::new();
    }
    let mut out: Vec<String> = short_forms(first).map(|short| format!("{short} {last}")).collect();
    out.extend(words[..words.len() - 1].iter().map(|name| format!("{name} {last}")));
    if !middle.is_empty() {
        let initials: Vec<&str> = middle.iter().filter_map(|name| initial(name)).collect();
        out.push(format!("{first} {} {last}", initials.join(" ")));
    }
    out.into_iter().map(|form| (form, SHORT)).collect()
}

fn initial(name: &str) -> Option<&str> {
    name.chars().next().map(|first| &name[..first.len_utf8()])
}

/// What people whose given name is `name` are called.
fn short_forms(name: &str) -> impl Iterator<Item = &'static str> {
    let of = |line: &&'static str| line.split(' ').next() == Some(name);
    SHORT_FORMS.iter().find(|line| of(line)).into_iter().flat_map(|line| line.split(' ').skip(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_is_called() {
        let forms = |name: &str| -> Vec<String> {
            let words: Vec<String> = name.split(' ').map(str::to_owned).collect();
            super::forms(&words).into_iter().map(|(form, _)| form).collect()
        };
        let joel = forms("william martin joel");
        for form in ["william joel", "billy joel", "william m joel", "martin joel"] {
            assert!(joel.iter().any(|known| known == form), "{form}");
        }
        assert_eq!(forms("maria anna of bavaria"), [""; 0]);
        assert_eq!(forms("madonna"), [""; 0]);
    }

    #[test]
    fn each_given_name_has_one_line() {
        let mut names: Vec<&str> = SHORT_FORMS.iter().filter_map(|l| l.split(' ').next()).collect();
        let n = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n);
    }
}
