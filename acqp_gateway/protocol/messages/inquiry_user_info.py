"""inquiryUserInfo, Alipay+ -> MPP: who is the user that gave this access token?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import fields, post_load

from acqp_gateway.protocol.fields import Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import ResultSchema, UserSchema
from acqp_gateway.protocol.results import INQUIRY_USER_INFO

BASE_USER_INFO = "BASE_USER_INFO"
USER_LOGIN_ID = "USER_LOGIN_ID"
HASH_LOGIN_ID = "HASH_LOGIN_ID"
SCOPES = (BASE_USER_INFO, USER_LOGIN_ID, HASH_LOGIN_ID)


@dataclass(frozen=True, slots=True)
class Request:
    """inquiryUserInfo, Request parameters."""

    acquirer_id: str
    psp_id: str
    access_token: str


class RequestSchema(WireSchema):
    """inquiryUserInfo, Request parameters."""

    acquirer_id = Text(64, data_key="acquirerId", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    access_token = Text(128, data_key="accessToken", required=True)

    @post_load
    def as_request(self, data: dict[str, Any], **_: Any) -> Request:
        """The members as one object."""
        return Request(**data)


class ResponseSchema(WireSchema):
    """inquiryUserInfo, Response parameters; userInfo only with SUCCESS, and in it what the token's scopes allow."""

    result = fields.Nested(ResultSchema, required=True)
    user_info = fields.Nested(UserSchema, data_key="userInfo")


INQUIRY_USER_INFO_API = Api(
    name="inquiryUserInfo",
    default_path="/aps/api/v1/users/inquiryUserInfo",
    peer_waits_s=5.0,
    results=INQUIRY_USER_INFO,
    request=RequestSchema(),
    response=ResponseSchema(),
)
