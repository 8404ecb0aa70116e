import uuid
from dataclasses import dataclass, field

from apps.organizations.unit_tree import UnitTree


@dataclass
class Unit:
    name: str
    parent_id: uuid.UUID | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)


def small_tree():
    north = Unit("North")
    berlin = Unit("Berlin", north.id)
    night = Unit("Night shift", berlin.id)
    south = Unit("South")
    return north, berlin, night, south, UnitTree.of([night, south, berlin, north])


def test_a_branch_is_a_unit_and_everything_below():
    north, berlin, night, south, tree = small_tree()
    assert tree.branch(north.id) == {north.id, berlin.id, night.id}
    assert tree.branch(night.id) == {night.id}
    assert tree.branch(uuid.uuid4()) == frozenset()
    assert tree.branches([berlin.id, south.id]) == {berlin.id, night.id, south.id}


def test_a_unit_cannot_stand_below_itself():
    north, _berlin, night, south, tree = small_tree()
    assert tree.would_loop(north.id, night.id)
    assert tree.would_loop(north.id, north.id)
    assert not tree.would_loop(north.id, south.id)
    assert not tree.would_loop(north.id, None)


def test_path_runs_from_the_top_down():
    north, _berlin, night, _south, tree = small_tree()
    assert [unit.name for unit in tree.path(night.id)] == ["North", "Berlin", "Night shift"]
    assert tree.depth(night.id) == 3
    assert tree.height(north.id) == 3
    assert tree.height(night.id) == 1


def test_walk_lists_parents_before_children_and_keeps_to_the_branch_shown():
    _north, berlin, _night, _south, tree = small_tree()
    assert [(unit.name, level) for unit, level in tree.walk()] == [
        ("North", 0),
        ("Berlin", 1),
        ("Night shift", 2),
        ("South", 0),
    ]
    shown = tree.walk(within=tree.branch(berlin.id))
    assert [(unit.name, level) for unit, level in shown] == [("Berlin", 0), ("Night shift", 1)]


def test_a_loop_in_the_rows_does_not_hang():
    one, other = Unit("One"), Unit("Other")
    one.parent_id, other.parent_id = other.id, one.id
    tree = UnitTree.of([one, other])
    assert tree.branch(one.id) == {one.id, other.id}
    assert len(tree.path(one.id)) <= 3
