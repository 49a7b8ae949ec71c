"""A face encoder of one's own, as a settings file or a file of its own describes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from plugins.settings_file import SettingsProblem, problem_lines, read_mapping

if TYPE_CHECKING:
    from detectors.encoder import EncoderSpec


def _for_each_channel(value: object) -> object:
    return (value, value, value) if isinstance(value, int | float) else value


Channels = Annotated[tuple[FiniteFloat, FiniteFloat, FiniteFloat], BeforeValidator(_for_each_channel)]
Point = tuple[FiniteFloat, FiniteFloat]


class EncoderSettings(BaseModel):
    """An ONNX face encoder and how it wants its faces; ``detectors.encoder.EncoderSpec`` says what each key means."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    file: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    licence: str
    size_px: int
    mean: Channels
    scale: Channels
    colours: Literal["rgb", "bgr"]
    template: tuple[Point, Point, Point, Point]
    output: str | None = None
    mirror: bool = True

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self._described(Path(), "")
        return self

    def spec(self, folder: Path) -> EncoderSpec:
        """Describe the encoder by its file as it is now; relative paths are taken from ``folder``.

        Raises:
            BadEncoder: the file is not there, or has not the SHA-256 that it should have.
        """
        from detectors.encoder import BadEncoder
        from detectors.packages import file_sha256

        path = _absolute(self.file, folder)
        try:
            spec = self._described(folder, file_sha256(path))
        except OSError as error:
            raise BadEncoder(f"encoder {path} cannot be read ({error.strerror}); correct `file`") from None
        if self.sha256 and self.sha256 != spec.sha256:
            raise BadEncoder(
                f"encoder {path.name} has SHA-256 {spec.sha256[:16]}…, but `sha256` says {self.sha256[:16]}…; it was "
                "refused: put the right file there or correct `sha256`"
            )
        return spec

    def _described(self, folder: Path, sha256: str) -> EncoderSpec:
        from detectors.encoder import EncoderSpec

        return EncoderSpec(
            path=_absolute(self.file, folder),
            sha256=sha256,
            **self.model_dump(exclude={"file", "sha256"}),
        )


def _absolute(path: str, folder: Path) -> Path:
    return (folder / Path(path).expanduser()).absolute()


def read_encoder(path: Path) -> EncoderSpec:
    """Read a YAML file with the keys of the settings' ``encoder``; relative paths are taken from its folder.

    Raises:
        SettingsProblem: the file cannot be read or does not say what is needed; all problems at once.
        BadEncoder: as ``EncoderSettings.spec``.
    """
    content, node = read_mapping(path, keys="`file:` and `licence:`", hint="docs/settings.md has an example")
    try:
        settings = EncoderSettings.model_validate(content)
    except ValidationError as error:
        raise SettingsProblem(path.name, problem_lines(error, EncoderSettings, node)) from None
    return settings.spec(path.absolute().parent)


def calibrated(spec: EncoderSpec, profile: Path | None) -> EncoderSpec:
    """Give an encoder the calibration profile that its vectors are counted by; None leaves it as it is.

    Raises:
        BadProfile: the profile cannot be read, or was made with another encoder.
    """
    from detectors.profile import for_encoder

    if profile is None:
        return spec
    for_encoder(spec, profile)  # before the first picture is opened, and not only when all are counted
    return replace(spec, profile=profile)
