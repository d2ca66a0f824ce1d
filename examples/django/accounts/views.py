from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class WhoAmI(APIView):
    """Who the caller is, and which access token said so (`jti` names it without being it)."""

    def get(self, request: Request) -> Response:
        return Response(
            {
                "username": request.user.get_username(),
                "jti": request.auth["jti"],
                "exp": request.auth["exp"],
            }
        )
