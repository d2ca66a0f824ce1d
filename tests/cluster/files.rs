//! The files for a Redis Cluster differ from those for one Redis in what a cluster
//! needs, and in nothing else.

use crate::stack::store::shipped;

#[test]
fn the_users_of_a_cluster_are_the_shipped_ones_and_one_for_its_replicas() {
    let (one, cluster) = (shipped("redis.acl"), shipped("redis-cluster.acl"));
    let mut expected: Vec<String> = one.lines().map(str::to_owned).collect();
    for line in &mut expected {
        if line.starts_with("user relay ") {
            line.push_str(" +cluster|slots +asking");
        }
    }
    let more: Vec<&str> = cluster.lines().skip(expected.len()).collect();
    assert_eq!(
        cluster.lines().take(expected.len()).collect::<Vec<_>>(),
        expected
    );
    let [replica] = more.as_slice() else {
        panic!("one user more, and not {more:?}");
    };
    assert!(replica.starts_with("user replica on #"), "{replica}");
    assert!(replica.ends_with(" resetchannels -@all +psync +replconf +ping"));
}

#[test]
fn the_configuration_of_a_node_is_the_shipped_one_and_more() {
    let cluster = shipped("redis-cluster.conf");
    let mut lines = cluster
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(lines.next(), Some("include redis.conf"));
    assert_eq!(lines.next(), Some("aclfile redis-cluster.acl"));
    let names: Vec<&str> = lines.filter_map(|line| line.split(' ').next()).collect();
    let one = shipped("redis.conf");
    for name in names {
        let there = one.lines().any(|line| line.split(' ').next() == Some(name));
        assert!(!there, "{name} is set in redis.conf");
    }
}
