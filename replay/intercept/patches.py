"""Patches of attributes, put in together and taken out together. Knows nothing of sessions.

A client library is not imported to be hooked: if it is imported later, its hooks go in then.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

_MISSING = object()


class _Patch(NamedTuple):
    """One attribute: what its owner itself had, what was found there, and what was put in."""

    owner: Any
    name: str
    own: Any
    below: Any
    put: Any

    def is_in(self) -> bool:
        return self.owner.__dict__.get(self.name) is self.put

    def fits(self, module: ModuleType) -> bool:
        """Whether the module still has the owner, and the owner is as it was found."""
        owner, name, before, below, _ = self
        if owner is not module and module.__dict__.get(owner.__name__) is not owner:
            return False
        own = owner.__dict__.get(name, _MISSING)
        return own is before and (own is not _MISSING or getattr(owner, name, None) is below)


Hook = Callable[["Patches", ModuleType], None]
"""Puts a client's hooks in: called with the patches and the client's imported module."""


class Patches:
    """The patches of one installation.

    Args:
        hooks: module name to the function that hooks it.
    """

    def __init__(self, hooks: Mapping[str, Hook]) -> None:
        self._hooks = hooks
        self._undo: list[_Patch] = []
        self._earlier: dict[str, tuple[ModuleType, tuple[_Patch, ...]]] = {}
        self._made: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()
        self._finder = _Finder(self)
        self.lock = RLock()
        self._installed = False

    def install(self) -> None:
        """Hook the imported modules, and wait for the others. If a hook fails, none stays in.

        Installed hooks stay. If other tools have patched the same attributes since, ours go on
        top again.
        """
        with self.lock:
            if self._installed:
                if all(patch.is_in() for patch in self._undo):
                    return
                self.remove()
            self._installed = True
            sys.meta_path.insert(_place_in(sys.meta_path), self._finder)
            try:
                for name in self._hooks:
                    module = sys.modules.get(name)
                    if module is None or self._put_again(name, module) or _importing(module):
                        continue
                    self._hook(name, module)
            except BaseException:  # half of the hooks would be worse than none
                self.remove()
                raise

    def remove(self) -> None:
        """Put back every original, last patch first. Later patches of other tools stay."""
        with self.lock:
            if not self._installed:
                return
            self._installed = False
            with suppress(ValueError):  # another tool took it out
                sys.meta_path.remove(self._finder)
            while self._undo:
                owner, name, own, _, put = self._undo.pop()
                if owner.__dict__.get(name) is not put:
                    continue
                if own is _MISSING:
                    delattr(owner, name)
                else:
                    setattr(owner, name, own)

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Set `owner.name` to `make(original)` until `remove`.

        A class that inherits the attribute gets one of its own, which `remove` deletes. For a class
        method, `make` gets the function and returns one.
        """
        own, below = vars(owner).get(name, _MISSING), getattr(owner, name)
        of_class = isinstance(own, classmethod)
        if isinstance(own, classmethod):
            below = own.__func__
        if below in self._made:
            own, below = self._made[below]  # an old hook of ours, which another tool put back
        made = make(below)
        self._made[made] = own, below
        put = classmethod(made) if of_class else made
        self._undo.append(_Patch(owner, name, own, below, put))
        setattr(owner, name, put)

    def shadow(self, module: ModuleType, name: str, value: object) -> None:
        """Give a module a name of its own in place of a builtin, until `remove`."""
        self._undo.append(_Patch(module, name, vars(module).get(name, _MISSING), None, value))
        setattr(module, name, value)

    def waits_for(self, name: str) -> bool:
        """Whether the module of this name has hooks to put in."""
        return self._installed and name in self._hooks

    def imported(self, module: ModuleType) -> None:
        """Hook a module that was just imported, unless the patches are out again."""
        with self.lock:
            if self._installed:
                self._hook(module.__name__, module)

    def _hook(self, name: str, module: ModuleType) -> None:
        start = len(self._undo)
        self._hooks[name](self, module)
        self._earlier[name] = module, tuple(self._undo[start:])

    def _put_again(self, name: str, module: ModuleType) -> bool:
        """Put the same patches in again if the module has not changed: it takes half the time."""
        before, patches = self._earlier.get(name, (None, ()))
        if before is not module or not patches:
            return False
        for patch in patches:
            if not patch.fits(module):
                return False
        for owner, attribute, _, _, put in patches:
            setattr(owner, attribute, put)
        self._undo += patches
        return True


def is_made_by(function: Any, package: str) -> bool:
    """Whether a function is a package's own, so that nobody has patched it."""
    made_in = getattr(function, "__globals__", {}).get("__name__", "")
    return str(made_in).partition(".")[0] == package


def _place_in(finders: Sequence[Any]) -> int:
    # pyfakefs takes out whichever is the first when it ends. So its own stays there.
    first = type(finders[0]).__module__ if finders else ""
    return int(first.startswith("pyfakefs."))


def _importing(module: ModuleType) -> bool:
    # Another thread may be importing it right now: then `imported` is called afterwards.
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds no module itself: hooks those that the other finders load."""

    def __init__(self, patches: Patches) -> None:
        self._patches = patches
        self._finding: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self._finding or not self._patches.waits_for(fullname):
            return None
        self._finding.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._finding.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._patches)  # type: ignore[assignment]  # duck-typed
        return spec


class _Loader:
    """Runs the real loader, then the hooks."""

    def __init__(self, loader: Any, patches: Patches) -> None:
        self._loader = loader
        self._patches = patches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        module.__loader__ = self._loader
        if spec is not None:
            spec.loader = self._loader
        self._loader.exec_module(module)
        self._patches.imported(module)
