//! Small random tables: whatever the rules, the metric and the share that may be left out, the engine finds what a
//! walk over the whole lattice finds, says how many choices tie, and takes the first of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::oracle::{Good, Plain, Price, Rule, walk};
use kura::anonymize::evaluate::{Problem, Quasi, Sensitive};
use kura::anonymize::hierarchy::Hierarchy;
use kura::anonymize::metric::Metric;
use kura::anonymize::number::Ratio;
use kura::anonymize::release::Release;
use kura::anonymize::rules::{Model, Rules};
use kura::anonymize::search::{Answer, Proof, SearchStopped, search};
use proptest::prelude::*;
use proptest::sample::select;

/// A random hierarchy: the groups of the values on each level, joined further from level to level.
fn hierarchies() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1_usize..7, prop::collection::vec(prop::collection::vec(0_u8..4, 7), 0..3), any::<bool>()).prop_map(
        |(values, joins, has_top)| {
            let mut levels: Vec<Vec<usize>> = vec![(0..values).collect()];
            for (level, join) in joins.iter().enumerate() {
                let last = levels[level].clone();
                levels.push(last.iter().map(|group| usize::from(join[*group % 7]).min(*group)).collect());
            }
            if has_top {
                levels.push(vec![0; values]);
            }
            let text = |level: usize, value: usize| format!("{level}.{}", levels[level][value]);
            (0..values).map(|value| (0..levels.len()).map(|level| text(level, value)).collect()).collect()
        },
    )
}

/// A random table with its hierarchies: values, persons and a sensitive value for each row.
#[derive(Debug, Clone)]
struct Case {
    hierarchies: Vec<Vec<Vec<String>>>,
    rows: Vec<(Vec<usize>, u32, u32)>,
    k: u64,
    percent: u64,
    has_persons: bool,
    rule: Option<Rule>,
    price: Price,
}

fn rules() -> impl Strategy<Value = Option<Rule>> {
    let fractions = || select(vec![(1_i128, 5_i128), (7, 20), (1, 2), (2, 5), (3, 10)]);
    prop_oneof![
        Just(None),
        (1_usize..4).prop_map(|l| Some(Rule::Distinct(l))),
        (1_u32..4).prop_map(|l| Some(Rule::Entropy(l))),
        (select(vec![(1_i128, 2_i128), (1, 1), (3, 1), (5, 2)]), 1_usize..4)
            .prop_map(|((above, below), l)| Some(Rule::Recursive(above, below, l))),
        fractions().prop_map(|(above, below)| Some(Rule::Equal(above, below))),
        fractions().prop_map(|(above, below)| Some(Rule::Ordered(above, below))),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let prices = select(vec![
        Price::Loss,
        Price::Discernibility,
        Price::CrowdSquares,
        Price::AverageCrowd,
        Price::Entropy,
        Price::GeneralizationEntropy,
        Price::Precision,
    ]);
    let rows = prop::collection::vec((prop::collection::vec(0_usize..60, 4), 0_u32..20, 0_u32..4), 4..40);
    let percents = select(vec![0_u64, 0, 5, 10, 25, 50]);
    let tables = prop::collection::vec(hierarchies(), 1..5);
    (tables, rows, 1_u64..5, percents, any::<bool>(), rules(), prices).prop_map(
        |(hierarchies, rows, k, percent, has_persons, rule, price)| {
            let place = |cells: &[usize]| -> Vec<usize> {
                hierarchies.iter().zip(cells).map(|(lines, cell)| cell % lines.len()).collect()
            };
            let rows = rows.iter().map(|(cells, person, value)| (place(cells), *person, *value)).collect();
            Case { hierarchies, rows, k, percent, has_persons, rule, price }
        },
    )
}

fn plain(case: &Case) -> Plain {
    let cells = case.hierarchies.iter().enumerate();
    let cells =
        cells.map(|(column, lines)| case.rows.iter().map(|(own, _, _)| lines[own[column]].clone()).collect());
    let weights = case.hierarchies.iter().map(|lines| {
        (0..lines[0].len())
            .map(|level| {
                let mut weights = BTreeMap::new();
                for line in lines {
                    *weights.entry(line[level].clone()).or_insert(0) += 1;
                }
                weights
            })
            .collect()
    });
    let persons =
        (0..).zip(&case.rows).map(|(row, (_, person, _))| if case.has_persons { *person } else { row });
    let sensitive = case.rows.iter().map(|(_, _, value)| *value).collect();
    Plain {
        cells: cells.collect(),
        weights: weights.collect(),
        persons: persons.collect(),
        sensitive,
        values: 4,
    }
}

fn problem(case: &Case) -> Problem {
    let quasi = case.hierarchies.iter().enumerate().map(|(column, lines)| Quasi {
        leaves: case.rows.iter().map(|(own, _, _)| u32::try_from(own[column]).expect("few")).collect(),
        hierarchy: Hierarchy::from_lines(lines).expect("is one"),
    });
    let fraction = |above: i128, below: i128| {
        Ratio::new(u64::try_from(above).expect("small"), u64::try_from(below).expect("small"))
            .expect("not zero")
    };
    let model = case.rule.map(|rule| match rule {
        Rule::Distinct(l) => Model::DistinctDiversity(u64::try_from(l).expect("small")),
        Rule::Entropy(l) => Model::EntropyDiversity(Ratio::whole(l.into())),
        Rule::Recursive(above, below, l) => Model::RecursiveDiversity { c: fraction(above, below), l },
        Rule::Equal(above, below) => Model::EqualCloseness(fraction(above, below)),
        Rule::Ordered(above, below) => Model::OrderedCloseness(fraction(above, below)),
    });
    let metric = match case.price {
        Price::Loss => Metric::Loss,
        Price::Discernibility => Metric::Discernibility,
        Price::CrowdSquares => Metric::CrowdSquares,
        Price::AverageCrowd => Metric::AverageCrowd,
        Price::Entropy => Metric::Entropy,
        Price::GeneralizationEntropy => Metric::GeneralizationEntropy,
        Price::Precision => Metric::Precision,
    };
    let sensitive = Sensitive { codes: case.rows.iter().map(|(_, _, value)| *value).collect(), values: 4 };
    let mut numbers: BTreeMap<u32, u32> = case.rows.iter().map(|(_, person, _)| (*person, 0)).collect();
    (0..).zip(numbers.values_mut()).for_each(|(number, own)| *own = number);
    Problem {
        rows: case.rows.len(),
        persons: case.has_persons.then(|| case.rows.iter().map(|(_, person, _)| numbers[person]).collect()),
        quasi: quasi.collect(),
        sensitive: vec![sensitive],
        rules: Rules {
            k: case.k,
            suppression: Ratio::new(case.percent, 100).expect("not zero"),
            models: model.map(|model| (0, model)).into_iter().collect(),
        },
        metric,
    }
}

/// The nodes that tie for the lowest value, the one to be chosen first.
fn lowest(nodes: &[Good]) -> Vec<&Good> {
    let least = nodes.iter().map(|node| node.value).fold(f64::INFINITY, f64::min);
    let mut tied: Vec<&Good> =
        nodes.iter().filter(|node| node.value - least <= 1e-9 * least.abs().max(1.0)).collect();
    tied.sort_by(|a, b| (a.left_out, &a.levels).cmp(&(b.left_out, &b.levels)));
    tied
}

fn compare(case: &Case) -> Result<(), TestCaseError> {
    let problem = problem(case);
    let persons = if case.has_persons {
        case.rows.iter().map(|(_, person, _)| person).collect::<std::collections::BTreeSet<_>>().len()
    } else {
        case.rows.len()
    };
    let found = search(&problem, &mut |_| ControlFlow::Continue(()));
    if persons < usize::try_from(case.k).expect("small") {
        prop_assert_eq!(found, Err(SearchStopped::TooFew { k: case.k }));
        return Ok(());
    }
    let Answer { best, proof, nodes, .. } = found.expect("runs");
    let limit = case.rows.len() * usize::try_from(case.percent).expect("small") / 100;
    let k = usize::try_from(case.k).expect("small");
    let good = walk(&plain(case), k, case.rule, limit, case.price);
    let tied = lowest(&good);
    prop_assert_eq!(proof, Proof::Optimal);
    prop_assert!(u128::try_from(good.len()).expect("few") <= nodes);
    let Some(first) = tied.first() else {
        prop_assert!(best.is_none(), "nothing keeps the rules, but the engine says {:?}", best);
        return Ok(());
    };
    let best = best.expect("the walk finds one");
    prop_assert!((best.value - first.value).abs() <= 1e-6 * first.value.abs().max(1.0), "{best:?} {first:?}");
    prop_assert_eq!(&best.levels, &first.levels, "of {:?}", tied);
    let expected = (u64::try_from(first.left_out), u64::try_from(tied.len()));
    prop_assert_eq!((Ok(best.left_out), Ok(best.ties)), expected);
    let release = Release::new(&problem, &best.levels);
    prop_assert_eq!(release.kept().iter().filter(|kept| !**kept).count(), first.left_out);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn case_28_the_engine_finds_what_a_walk_over_the_whole_lattice_finds(case in cases()) {
        compare(&case)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50_000, ..ProptestConfig::default() })]

    #[test]
    fn long_case_28_the_engine_finds_what_a_walk_over_the_whole_lattice_finds(case in cases()) {
        compare(&case)?;
    }
}
