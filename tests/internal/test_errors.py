"""What the door refuses by itself, with the numbers it gives."""

from portal.internal.errors import Fault, KeyCapError, MalformedRequestError, ValidationError


def test_an_error_says_its_class_s_sentence_unless_it_knows_more() -> None:
    assert str(MalformedRequestError()) == "The request is not well-formed."
    assert str(MalformedRequestError("No object.", at=3)) == "No object."
    assert MalformedRequestError("No object.", at=3).numbers() == {"at": 3}
    assert KeyCapError(cap="max_units").numbers() == {"cap": "max_units"}


def test_a_validation_says_the_first_fault_and_holds_all() -> None:
    faults = [Fault("quantity", "is missing", None), Fault("x", "is not a member of this", 1)]
    error = ValidationError(faults)
    assert str(error) == "quantity is missing (1 more)."
    assert error.numbers()["members"] == [
        {"member": "quantity", "rule": "is missing", "got": None},
        {"member": "x", "rule": "is not a member of this", "got": 1},
    ]
    assert str(ValidationError(faults[:1])) == "quantity is missing."
