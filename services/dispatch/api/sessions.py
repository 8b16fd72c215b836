"""Sessions of built-in accounts: sign in, renew, choose a password."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, SecretStr

from services.dispatch.api.asking import Parts
from services.dispatch.commands import sign_in as command
from shared.auth import Credential
from shared.http import Body, refusals

router = APIRouter(prefix="/v1", tags=["sessions 登录"])

Secret = Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class SignIn(Body):
    """An account 账号 and its password 密码."""

    account: Annotated[str, Field(min_length=1, max_length=200)]
    password: Secret


class NewPassword(Body):
    """The password there is, and the one to be."""

    old: Secret
    new: Secret


class SessionShape(BaseModel):
    """`token` goes into `Authorization: Bearer …` of every service until `expires_at`; renew it before. With
    `must_change` it is good for PUT /v1/account/password alone.
    """

    token: str
    expires_at: datetime
    must_change: bool


@router.post("/sessions", status_code=201, summary="Sign in 登录", responses=refusals(401, 403, 404, 429))
async def sign_in(body: SignIn, parts: Parts, response: Response) -> SessionShape:
    return _shown(await command.sign_in(parts, body.account, body.password.get_secret_value()), response)


@router.post(
    "/sessions/renewal", status_code=201, summary="A fresh token for one that is still good", responses=refusals(404)
)
async def renew(parts: Parts, response: Response, token: Credential) -> SessionShape:
    return _shown(await command.renew_session(parts, token), response)


@router.put("/account/password", summary="Choose a password 修改密码", responses=refusals(404))
async def change_password(body: NewPassword, parts: Parts, response: Response, token: Credential) -> SessionShape:
    old, new = body.old.get_secret_value(), body.new.get_secret_value()
    return _shown(await command.change_password(parts, token, old, new), response)


def _shown(session: command.Session, response: Response) -> SessionShape:
    response.headers["Cache-Control"] = "no-store"
    return SessionShape(**session._asdict())
