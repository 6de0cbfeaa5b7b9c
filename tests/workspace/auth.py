"""
Who may ask: personal access tokens, a user's name and password, and access tokens for service principals, of the
workspace's own OAuth endpoint and of Microsoft Entra's (served here under /TENANT/oauth2/token, as if at
login.microsoftonline.com).
"""

import base64
import binascii
import hmac
import secrets
import threading

from errors import ApiError
from message import Answer

# The resource that stands for Databricks in Microsoft Entra, and the one for Azure's management.
AZURE_DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
AZURE_MANAGEMENT = "https://management.core.windows.net/"


class Auth:
    def __init__(self, clock, lifetime=3600, same_clock=False):
        self.clock = clock
        self.lifetime = lifetime
        self.same_clock = same_clock
        self.lock = threading.Lock()
        self.pats = {}
        self.passwords = {}
        self.clients = {}
        self.azure = {}
        self.azure_resource = None
        self.issued = {}
        self.grants = 0
        self.tenant = "11111111-2222-3333-4444-555555555555"

    def add_pat(self, token, user):
        self.pats[token] = user

    def add_user(self, name, password):
        self.passwords[name] = password

    def add_client(self, client_id, secret):
        self.clients[client_id] = secret

    def add_azure_client(self, client_id, secret):
        self.azure[client_id] = secret

    def routes(self):
        return {
            ("GET", "/oidc/.well-known/oauth-authorization-server"): self.discover,
            ("GET", "/.well-known/databricks-config"): self.describe,
            ("POST", "/oidc/v1/token"): self.token,
            ("GET", "/aad/auth"): self.redirect,
        }

    def azure_route(self, method, path):
        """Returns the handler for /TENANT/oauth2/token, or None."""
        parts = path.strip("/").split("/")
        if (
            method == "POST"
            and len(parts) >= 3
            and parts[1] == "oauth2"
            and parts[-1] == "token"
            and parts[0] != "oidc"
        ):
            return self.azure_token
        return None

    # -- who is it?

    def identify(self, request):
        """Returns the name of the user or service principal that asks; raises ApiError 401 or 403."""
        header = request.headers.get("Authorization")
        if not header:
            raise ApiError(401, 401, "Credential was not sent or was of an unsupported type for this API.")
        scheme, _, value = header.partition(" ")
        value = value.strip()
        if scheme.lower() == "basic":
            return self._password(value)
        if scheme.lower() != "bearer" or not value:
            raise ApiError(401, 401, "Credential was not sent or was of an unsupported type for this API.")
        with self.lock:
            if value in self.pats:
                return self.pats[value]
            issued = self.issued.get(value)
        if issued is None:
            raise ApiError(403, 403, "Invalid access token.")
        name, until, audience = issued
        if audience == AZURE_MANAGEMENT:
            raise ApiError(403, 403, "Invalid access token.")
        if self.clock.now() >= until:
            raise ApiError(401, "UNAUTHENTICATED", "Access token has expired.")
        if name in self.azure and self.azure_resource is not None:
            self._administers(request)
        return name

    def _administers(self, request):
        """Who is no user of the workspace has to be known to Azure as one who may administer it."""
        value = request.headers.get("X-Databricks-Azure-SP-Management-Token")
        with self.lock:
            _, until, audience = self.issued.get(value, (None, 0, None))
        if (audience != AZURE_MANAGEMENT or self.clock.now() >= until
                or request.headers.get("X-Databricks-Azure-Workspace-Resource-Id") != self.azure_resource):
            raise ApiError(403, "PERMISSION_DENIED", "User not authorized.")

    def _password(self, value):
        try:
            name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            name, password = "", ""
        if not same(self.passwords.get(name), password):
            raise ApiError(401, 401, "Invalid user name or password.")
        return name

    def expire(self, request):
        """The token that came with this request is not valid any more; a personal one stays as it is."""
        value = request.headers.get("Authorization", "").partition(" ")[2].strip()
        with self.lock:
            if value in self.issued:
                name, _, audience = self.issued[value]
                self.issued[value] = (name, 0, audience)

    def expire_all(self):
        with self.lock:
            self.issued = {token: (name, 0, audience) for token, (name, _, audience) in self.issued.items()}

    # -- tokens

    def discover(self, request):
        base = request.origin
        return {
            "authorization_endpoint": f"{base}/oidc/v1/authorize",
            "token_endpoint": f"{base}/oidc/v1/token",
            "issuer": f"{base}/oidc",
            "jwks_uri": f"{base}/oidc/jwks.json",
            "scopes_supported": ["all-apis", "email", "offline_access", "openid", "profile", "sql"],
            "response_types_supported": ["code", "id_token"],
            "grant_types_supported": ["client_credentials", "authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        }

    def describe(self, request):
        return {
            "oidc_endpoint": f"{request.origin}/oidc",
            "account_id": "00000000-1111-2222-3333-444444444444",
            "workspace_id": str(request.workspace_id),
            "cloud": "AWS",
            "host_type": "workspace",
        }

    def token(self, request):
        """OAuth's client credentials, by Basic or in the form."""
        form = request.form()
        client, secret = form.get("client_id"), form.get("client_secret")
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                client = None
        if form.get("grant_type") != "client_credentials":
            raise OAuthError(400, "unsupported_grant_type", "grant_type must be client_credentials")
        if "all-apis" not in form.get("scope", "").split():
            raise OAuthError(400, "invalid_scope", "scope must have all-apis")
        if not same(self.clients.get(client), secret):
            raise OAuthError(401, "invalid_client", "Client authentication failed")
        token, seconds = self._issue(client, AZURE_DATABRICKS)
        return {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": "all-apis"}

    def azure_token(self, request):
        form = request.form()
        if form.get("grant_type") != "client_credentials":
            raise OAuthError(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
        resource = form.get("resource") or form.get("scope", "").removesuffix("/.default")
        if resource not in (AZURE_DATABRICKS, AZURE_MANAGEMENT):
            raise OAuthError(
                400, "invalid_resource", f"AADSTS500011: The resource principal named {resource} was not found."
            )
        tenant = request.path.strip("/").split("/")[0]
        if tenant != self.tenant:
            raise OAuthError(400, "invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
        if not same(self.azure.get(form.get("client_id")), form.get("client_secret")):
            raise OAuthError(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        token, seconds = self._issue(form["client_id"], resource)
        # Entra sends its numbers as texts.
        return {"token_type": "Bearer", "expires_in": str(seconds), "ext_expires_in": str(seconds),
                "expires_on": str(int(self.clock.now()) + seconds), "resource": resource, "access_token": token}

    def _issue(self, name, audience):
        token = "eyJ" + secrets.token_urlsafe(48)
        with self.lock:
            self.issued[token] = (name, self.clock.now() + self.lifetime, audience)
            self.grants += 1
        # What the client counts is the world's time.
        return token, max(1, int(self.lifetime if self.same_clock else self.clock.real(self.lifetime)))

    def redirect(self, request):
        """Tells the tenant, by where one is sent to log in."""
        return Answer(302, b"", {"Location": f"https://login.microsoftonline.com/{self.tenant}/oauth2/authorize?"
                                 f"response_type=code&resource={AZURE_DATABRICKS}"})

    def to_json(self):
        with self.lock:
            return {
                "grants": self.grants,
                "valid": sum(until > self.clock.now() for _, until, _ in self.issued.values()),
            }


class OAuthError(ApiError):
    """OAuth has a form of its own for errors (RFC 6749, 5.2)."""

    def body(self, request_id):
        return {"error": self.code, "error_description": self.message}


def same(known, given):
    return known is not None and given is not None and hmac.compare_digest(known.encode(), given.encode())
