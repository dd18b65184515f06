"""Speaks to a fresh LNbits in place of a browser: waits for it, founds it, tells of it.

    lnbits_bootstrap.py ready URL                   exit 0 once it answers
    lnbits_bootstrap.py found URL SAT               superuser, wallets, money; prints them as JSON
    lnbits_bootstrap.py describe json|shell URL PID what `found` printed, on stdin, with the place
"""

import json
import shlex
import sys
import time
import urllib.error
import urllib.request

# The keys below open play money on 127.0.0.1 for the length of a test.
USERNAME, PASSWORD = "root", "play-money-only"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Until it is founded LNbits redirects every route: that is an answer, not success."""

    def redirect_request(self, *_):
        return None


# An environment's proxy is never asked for 127.0.0.1.
OPENER = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))


def call(method, url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **headers}
    request = urllib.request.Request(url, data, headers, method=method)
    with OPENER.open(request, timeout=30) as answer:
        return json.load(answer)


def answers(url):
    try:
        call("GET", f"{url}/api/v1/health")
    except urllib.error.HTTPError as error:
        return error.code == 307
    except (OSError, ValueError):
        return False
    return True


def found(url, sat):
    login = {"username": USERNAME, "password": PASSWORD}
    call("PUT", f"{url}/api/v1/auth/first_install", {**login, "password_repeat": PASSWORD})
    token = call("POST", f"{url}/api/v1/auth", login)["access_token"]
    wallets = {name: open_wallet(url, name) for name in ("shop", "payer")}
    fund(url, token, wallets["payer"], sat)
    return {**wallets, "admin": login}


def open_wallet(url, name):
    wallet = call("POST", f"{url}/api/v1/account", {"name": name})
    return {key: wallet[key] for key in ("id", "user", "inkey", "adminkey")}


def fund(url, token, wallet, sat):
    grant = {"id": wallet["id"], "amount": sat}
    call("PUT", f"{url}/users/api/v1/balance", grant, Authorization=f"Bearer {token}")
    for _ in range(100):
        held = call("GET", f"{url}/api/v1/wallet", **{"X-Api-Key": wallet["inkey"]})["balance"]
        if held == sat * 1000:
            return
        time.sleep(0.1)
    sys.exit(f"the payer holds {held} msat instead of {sat} sat")


def shell(peer):
    """The same facts as LNBITS_SHOP_INKEY=… and so on, one a line."""
    for name, value in peer.items():
        if isinstance(value, dict):
            yield from shell({f"{name}_{key}": inner for key, inner in value.items()})
        else:
            yield f"LNBITS_{name.upper()}={shlex.quote(str(value))}"


def main(arguments):
    match arguments:
        case ["ready", url]:
            sys.exit(0 if answers(url) else 1)
        case ["found", url, sat]:
            print(json.dumps(found(url, int(sat))))
        case ["describe", form, url, pid]:
            peer = {"url": url, "pid": int(pid), **json.load(sys.stdin)}
            print("\n".join(shell(peer)) if form == "shell" else json.dumps(peer))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
