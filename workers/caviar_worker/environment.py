"""The environment of user code, built from an allow-list: no secret of the service is ever in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_NAMES = {
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "LANG", "LANGUAGE"),
    *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV"),
    *("LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("XDG_CACHE_HOME", "HF_HOME", "TORCH_HOME"),
}
_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "NCCL_", "ROCM_", "HIP_")
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
    "RAYON_NUM_THREADS",  # tokenizers, polars
    "TF_NUM_INTRAOP_THREADS",
)


def trial_environment(
    environ: Mapping[str, str], extra: Iterable[str], *, cores: int, slots: int
) -> dict[str, str]:
    """What user code sees: the allowed names of ``environ``, those in ``extra``, and thread counts.

    The numeric libraries read their thread count when they are imported; without one, every slot would
    start a thread per core. A count that the operator set is kept. PyTorch takes its own from OMP_NUM_THREADS and
    MKL_NUM_THREADS. ``cores`` are those that the host may use, shared by all its ``slots``.
    """
    allowed = _NAMES | set(_THREADS) | set(extra)
    chosen = {
        name: value
        for name, value in environ.items()
        if name in allowed or name.startswith(_PREFIXES)
    }
    for name in _THREADS:
        chosen.setdefault(name, str(max(1, cores // slots)))
    # torch.cuda.is_available() at import would otherwise initialise CUDA, which does not survive a fork.
    chosen.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    # User code prints as it goes: what a killed trial said last must be in its output.
    chosen.setdefault("PYTHONUNBUFFERED", "1")
    return chosen
