"""A dialect says a sample of each intent without an element."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.elements import dialects, samples
from kernel.errors import Invalid

DIALECTS = sorted(Path("config/dialects").glob("*.yaml"))
HLR = Path("config/dialects/hlr_cli.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DIALECTS, ids=lambda path: path.stem)
async def test_every_dialect_that_ships_says_a_sample_of_each_intent(path: Path) -> None:
    source = dialects.load(path)
    found = await samples.said(source)
    assert [each.intent for each in found] == list(source.dialect.intents)
    assert all(each.words and each.removal for each in found)


async def test_a_secret_is_never_said() -> None:
    (found,) = await samples.said(dialects.load(Path("config/dialects/osmo_hlr.yaml")))
    assert "subscriber imsi 001010000000001 update aud3g milenage k *** opc ***" in found.words


async def test_a_pattern_that_nothing_made_up_fits_asks_for_a_value() -> None:
    source = dialects.parse(HLR.replace("'[A-Za-z0-9_-]{1,32}'", "'rare-[0-9]{3}'"), name="rare.yaml")
    with pytest.raises(Invalid) as caught:
        await samples.said(source)
    assert (caught.value.field, caught.value.fix) == ("profile", "give one: --sample profile=...")
    (found,) = await samples.said(source, given={"profile": "rare-007"})
    assert found.words[-1].endswith("profile rare-007")
