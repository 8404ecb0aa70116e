"""Single changes of a draft: each one checked, locked, audited, counted, told to other editors and undoable.

A change is (kind, id, before, after): the state of one row, None where it did not exist. Applying `after` does it,
applying `before` undoes it; deleting a stage or step keeps what stood in it. Conflicts are found by row: whoever
changes a card says which version of that card they saw, so people working on different cards never meet.
"""

from .beside import place_beside, stage_beside, step_beside
from .cards import add_card, delete_card, edit_card, move_card, set_card_image, set_card_owner
from .changes import Change, Edit, EditConflict, public_state
from .keeping import note
from .lanes import add_lane, move_lane, remove_lane, rename_lane, set_lanes, shown_lanes
from .places import move_place, place_touchpoint, remove_place
from .stack import redo_edit, undo_and_redo, undo_edit
from .stages import add_stage, delete_stage, move_stage, rename_stage
from .steps import add_step, delete_step, edit_step, move_step, rename_step, set_belief, set_step_facts

__all__ = [
    "Change",
    "Edit",
    "EditConflict",
    "add_card",
    "add_lane",
    "add_stage",
    "add_step",
    "delete_card",
    "delete_stage",
    "delete_step",
    "edit_card",
    "edit_step",
    "move_card",
    "move_lane",
    "move_place",
    "move_stage",
    "move_step",
    "note",
    "place_beside",
    "place_touchpoint",
    "public_state",
    "redo_edit",
    "remove_lane",
    "remove_place",
    "rename_lane",
    "rename_stage",
    "rename_step",
    "set_belief",
    "set_card_image",
    "set_card_owner",
    "set_lanes",
    "set_step_facts",
    "shown_lanes",
    "stage_beside",
    "step_beside",
    "undo_and_redo",
    "undo_edit",
]
