"""Which policy is in force: the one that ships with replay, with a team's own file on top.

Apart from `policy`, so that a session can name its policy without loading it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import PolicyError

if TYPE_CHECKING:
    from replay.config import Config
    from replay.redaction.policy import Policy


@dataclass(frozen=True, slots=True)
class Rules:
    """Which policy is in force.

    Attributes:
        file: path of the team's own rules; empty for none.
        pseudonymise_ids: whether recordings hold pseudonyms in place of generated IDs.
    """

    file: str = ""
    pseudonymise_ids: bool = False

    @classmethod
    def of(cls, config: Config) -> Rules:
        """What a configuration asks for."""
        return cls(config.policy, config.pseudonymise_ids)

    def load(self) -> Policy:
        """The policy; read anew when the team's file changed.

        Raises:
            PolicyError: a file cannot be used; names file and line.
        """
        from replay.redaction.policy import with_team

        text = ""
        if self.file:
            try:
                text = Path(self.file).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise PolicyError("the policy file cannot be read", where=self.file) from error
        return with_team(text, self.file, masks_ids=self.pseudonymise_ids)


SHIPPED = Rules()
"""The policy that ships with replay."""
