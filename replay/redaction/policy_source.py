"""Where the policy in force comes from: the one that ships with replay, and a team's own file.

A module of its own, so that a session can name its policy without loading it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.errors import PolicyError
from replay.model.text_files import read_text, reading_hint

if TYPE_CHECKING:
    from replay.config import Config
    from replay.redaction.policy import Policy


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Where the policy in force comes from.

    Attributes:
        file: path of the team's policy file; empty for none.
        pseudonymise_ids: whether recordings hold pseudonyms in place of generated IDs.
        keep_chosen_ids: whether recordings hold the IDs that people choose.
    """

    file: str = ""
    pseudonymise_ids: bool = False
    keep_chosen_ids: bool = True

    @classmethod
    def of(cls, config: Config) -> PolicySource:
        """The policy that a configuration asks for."""
        return cls(config.policy, config.pseudonymise_ids, config.keep_chosen_ids)

    @property
    def masks_ids(self) -> bool:
        """Whether recordings hold stand-ins in place of IDs of any kind."""
        return self.pseudonymise_ids or not self.keep_chosen_ids

    @property
    def masking(self) -> str:
        """The settings that replace IDs, for messages; empty if none does."""
        named = {
            "pseudonymise_ids": self.pseudonymise_ids,
            "keep_chosen_ids": not self.keep_chosen_ids,
        }
        return ", ".join(name for name, is_set in named.items() if is_set)

    def load(self) -> Policy:
        """The policy; the team's file is read each time, so that a change to it counts at once.

        Raises:
            PolicyError: a file cannot be used; names file and line.
        """
        from replay.redaction.policy import with_team

        text = ""
        if self.file:
            try:
                text = read_text(self.file)
            except OSError as error:
                raise PolicyError(
                    f"the policy file cannot be read: {error.strerror}",
                    where=self.file,
                    hint=f"{reading_hint(error)}, or name another file",
                ) from error
        return with_team(
            text,
            self.file,
            masks_ids=self.pseudonymise_ids,
            keeps_chosen=self.keep_chosen_ids,
        )


DEFAULT = PolicySource()
"""The policy that ships with replay."""
