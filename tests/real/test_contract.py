"""The contract that simulators pass, over real elements: all of it that needs no fault planned inside the element."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contracts import test_network_element as contract
from tests.real.benches import (
    METERS,
    AgentBench,
    BrokerBench,
    GatewayBench,
    RealBench,
    RegisterBench,
    RouterBench,
    meters,
)
from tests.real.conftest import Place

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

BENCHES: dict[str, type[RealBench]] = {
    "osmo_hlr": RegisterBench,
    "ios_like": RouterBench,
    "linux_gateway": GatewayBench,
    "if_mib_port": AgentBench,
    "meter_json": BrokerBench,
}


@pytest_asyncio.fixture(params=BENCHES, scope="module", loop_scope="module")
async def bench(
    request: pytest.FixtureRequest, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RealBench]:
    """Each element, its session kept from test to test."""
    made = BENCHES[request.param](place)
    scratch: Path = tmp_path_factory.mktemp("devices")
    names = [f"meter-{number:04}" for number in range(1, METERS + 1)] if isinstance(made, BrokerBench) else []
    async with meters(place, scratch, *names):
        yield made
        await made.element.close()


test_present = contract.test_apply_makes_an_absent_key_present_and_reads_it_back
test_absent = contract.test_a_key_that_nobody_made_is_absent
test_already = contract.test_apply_of_a_state_already_shown_changes_nothing
test_untold = contract.test_apply_leaves_what_it_was_not_told_about
test_removed = contract.test_apply_of_absence_removes_the_key
test_absence_already = contract.test_apply_of_absence_to_an_absent_key_is_already_so
test_shown = contract.test_apply_goes_by_what_the_element_shows_not_by_what_was_last_confirmed
test_poll = contract.test_poll_waits_until_the_state_has_followed
test_unreachable = contract.test_an_element_that_is_not_there_is_unreachable
test_probe = contract.test_probe_says_who_answered
test_audit = contract.test_audit_reads_every_key
test_at_once = contract.test_commands_for_one_key_at_once_end_in_one_of_their_states
test_protected = contract.test_a_protected_line_is_never_cut_but_may_end
test_unknown_words = contract.test_a_field_or_an_intent_that_no_dialect_knows_is_named
test_line_ends = contract.test_text_that_could_end_a_line_is_refused_before_a_byte_leaves
