"""Notices of the payment gateway: signed, heard once, each in one Work of the tenant it is about."""

from __future__ import annotations

import asyncio

from aiohttp import web

from adapters.payments import webhook
from bss.payments import advice
from gateway import wiring
from gateway.http import keys
from kernel.work import Actor

BANK = Actor("bank:webhook", frozenset())
"""Who acts when the payment gateway tells us something."""


async def bank(request: web.Request) -> web.Response:
    """Take in a notice; one that is none of ours is thanked for and forgotten."""
    gateway = request.app[keys.GATEWAY]
    body = await request.read()
    secret = await asyncio.to_thread(wiring.webhook_secret, gateway)
    told = webhook.verify(dict(request.headers), body, secret=secret)
    tenant = None if told is None else advice.owner(told)
    if told is None or tenant is None:
        return web.json_response({"effect": "none"})
    heard = gateway.database.submit(lambda work: advice.receive(work, told), tenant=tenant, actor=BANK)
    return web.json_response({"effect": await asyncio.wrap_future(heard)})
