"""A tone is a WAV file that players take, and the same for the same words."""

import io
import wave

from portal.studio.sounds import RATE, SAMPLES, tone


def test_it_is_a_short_sound() -> None:
    with wave.open(io.BytesIO(tone("Guten Tag!"))) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (RATE, SAMPLES)
        assert len(set(sound.readframes(SAMPLES))) > 100


def test_the_same_words_sound_the_same() -> None:
    assert tone("a") == tone("a") != tone("b")
