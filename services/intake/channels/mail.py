"""E-mail over SMTP (`aiosmtplib`): STARTTLS by default, the server's certificate checked."""

import ssl
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from services.intake.domain.messages import Message, Result
from services.intake.settings import IntakeSettings
from shared.kernel.clock import Clock


class Mail:
    """One connection a message: they are few, and a server closes an idle one."""

    def __init__(self, settings: IntakeSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._tls: ssl.SSLContext | None = None

    async def send(self, message: Message) -> Result:
        settings, given = self._settings, self._settings.smtp_password
        if self._tls is None and settings.smtp_security != "none":
            self._tls = ssl.create_default_context(cafile=settings.smtp_ca_file)
        try:
            await aiosmtplib.send(
                self._mail(message),
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_user,
                password=given.get_secret_value() if given else None,
                use_tls=settings.smtp_security == "tls",
                start_tls=settings.smtp_security == "starttls",
                tls_context=self._tls,
                timeout=settings.message_timeout_seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(max((each.code for each in error.recipients), default=550))
        except aiosmtplib.SMTPAuthenticationError as error:
            # Our own settings are wrong, not the address: whoever mends them finds the message still waiting.
            return Result("later", f"SMTP {error.code}")
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Result("later", type(error).__name__)
        except ValueError as error:  # an address that no header can hold
            return Result("refused", type(error).__name__)
        return Result("sent", "SMTP 250")

    def _mail(self, message: Message) -> EmailMessage:
        sender = self._settings.smtp_from or ""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, message.to, message.subject
        mail["Date"] = format_datetime(self._clock())
        # The same at every try: a mailbox that got it twice can tell.
        mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["List-Unsubscribe"] = f"<{message.stop}>"
        mail.set_content(message.text)
        return mail


def _refused(code: int) -> Result:
    """RFC 5321 §4.2.1: 4yz is for now, 5yz for good. What else the server said may name the address: it is not kept."""
    return Result("later" if 400 <= code < 500 else "refused", f"SMTP {code}")
