"""Built-in accounts 内置账号: what a password must be, and why a sign-in is refused."""

import re
import unicodedata
from typing import Final

from shared.kernel.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, TooMany, Unauthenticated

SHORTEST: Final = 10
# Longer ones are only work for the hash.
LONGEST: Final = 128
FEWEST_CHARACTERS: Final = 5
ACCOUNT: Final = re.compile(r"[0-9A-Za-z一-鿿][0-9A-Za-z一-鿿_.@-]{1,63}")

# The commonest passwords of ten characters and more, from the published lists of leaked ones and what they have in
# common in China (birthdays aside): rows of keys, 5201314 (我爱你一生一世), woaini (我爱你).
_WORDS: Final = (
    "0123456789 1234567890 12345678900 12345678910 123456789a 123456789q 1234567890a a123456789 "
    "a1234567890 aa123456789 abc123456789 abcd123456 abcde12345 abcdefghij abcd1234567 asd123456789 "
    "asdfghjkl123 asdfghjkl1 q123456789 qq123456789 qwe123456789 qwer123456 qwerty1234 qwerty12345 "
    "qwerty123456 qwertyuiop qwertyuiop123 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc zaq12wsxcde3 "
    "q1w2e3r4t5 q1w2e3r4t5y6 zxcvbnm123 zxcvbnm1234 zxcvbnm12345 password12 password123 password1234 "
    "password12345 passw0rd123 p@ssw0rd123 p@ssword123 admin12345 admin123456 administrator administrator1 "
    "adminadmin root123456 welcome123 welcome1234 letmein1234 changeme123 iloveyou123 iloveyou1314 "
    "woaini1314 woaini5201314 woaini123456 woaini520520 5201314520 5201314521 1314520520 13145201314 "
    "123qweasdzxc qweasdzxc123 123456abcdef 123456qwerty 9876543210 0987654321 1122334455 1123581321 "
    "3.14159265 wangge1234 wangge12345 wangge123456 wanggeyuan zhongguo123 beijing2008 haidian123 "
)
COMMON: Final = frozenset(_WORDS.split())


class BadCredentials(Unauthenticated):
    """Account and password do not belong together. Which of them is wrong is told to nobody."""

    slug, title, title_zh = "bad-credentials", "Account or password is wrong", "账号或密码错误"


class SignInLocked(TooMany):
    """Too many failures: the account's name is locked for a while, whether or not there is such an account."""

    slug, title, title_zh = "sign-in-locked", "Too many failures to sign in", "登录失败次数过多，已锁定"


class SignInBusy(TooMany):
    slug, title, title_zh = "sign-in-busy", "Too many are signing in at once", "登录请求过多，请稍后再试"


class AccountDisabled(Forbidden):
    slug, title, title_zh = "account-disabled", "The account is disabled", "账号已停用"


class NoPost(Forbidden):
    """The account's person is not, or no longer, in a post."""

    slug, title, title_zh = "no-post", "The person holds no post", "该人员没有在任岗位"


class SessionEnded(Unauthenticated):
    slug, title, title_zh = "session-ended", "Sign in again", "会话已结束，请重新登录"


class NoAccounts(NotFound):
    slug, title, title_zh = "no-accounts", "No built-in accounts here", "未启用内置账号"


class BadPassword(Invalid):
    slug, title, title_zh = "bad-password", "Not a password to choose", "密码不符合要求"


class BadAccountName(Invalid):
    slug, title, title_zh = "bad-account-name", "Not a name of an account", "账号名无效"


class AccountNotFound(NotFound):
    slug, title, title_zh = "account-not-found", "No such account", "账号不存在"


class AccountExists(Conflict):
    slug, title, title_zh = "account-exists", "There is such an account", "账号已存在"


def normal(password: str) -> str:
    """One password, however the keyboard composed its characters."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, account: str, old: str | None = None) -> None:
    """Raises BadPassword, saying what would be right. Its own words never hold the password."""
    plain = normal(password)
    folded = plain.casefold()
    if not SHORTEST <= len(plain) <= LONGEST:
        why = f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(plain)}"
    elif account.casefold() in folded and len(folded) - len(account) < SHORTEST - 2:
        why = "the password must be more than the account's name"
    elif folded in COMMON:
        why = "this password is one of the most common: think of some words that do not belong together"
    elif len(set(folded)) < FEWEST_CHARACTERS:
        why = f"a password has at least {FEWEST_CHARACTERS} different characters"
    elif old is not None and plain == normal(old):
        why = "the new password must be another one than the old"
    else:
        return
    raise BadPassword(why, errors=[FieldError("/new", why)])


def check_account(account: str) -> None:
    """Raises BadAccountName."""
    if not ACCOUNT.fullmatch(account):
        why = "2 to 64 letters, digits, '_', '.', '@' or '-', the first a letter or digit"
        raise BadAccountName(f"{account[:64]!r} is no name of an account: {why}", errors=[FieldError("/account", why)])
