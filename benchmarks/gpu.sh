#!/usr/bin/env bash
# One run on a machine with a GPU, of at most nine minutes: builds the kernels from a clean cache,
# timed, and goes on with one of
#
#   benchmarks/gpu.sh                     pytest -m gpu, and a little of every benchmark
#   benchmarks/gpu.sh ops                 pytest -m gpu, each operator alone, memcheck
#   benchmarks/gpu.sh train               s/kimg and memory at 256 and 1024 px, profile, generation
#   benchmarks/gpu.sh learn DATA WEIGHTS [OPTIONS]
#                                         train on DATA, stop, resume; distance over kimg by
#                                         SqueezeNet's WEIGHTS; OPTIONS of `benchmarks learn`
#
# Before these: --rehearse    on the CPU, with tiny sizes; learn then needs neither file
#               --out DIR     where results go [benchmarks/results]; at most eight files a run
#
# Each stage has a limit of its own, and its results lie on disk row by row. PYTHON names the
# interpreter [python3]. Exit status: 0 if all stages passed, 1 if one did not, 2 for bad usage.
set -uo pipefail
cd "$(dirname "$0")/.."

LIMIT_SEC=530
PYTHON=${PYTHON:-python3}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
out=benchmarks/results rehearse=

refuse() { echo "gpu.sh: $*" >&2; exit 2; }

while [[ ${1:-} == --* ]]; do
    case $1 in
        --rehearse) rehearse=1; shift ;;
        --out) [[ -n ${2:-} ]] || refuse "--out needs a folder"; out=$2; shift 2 ;;
        *) refuse "unknown option $1; wanted --rehearse or --out DIR" ;;
    esac
done
what=${1:-all}
[[ $# -gt 0 ]] && shift
[[ $what =~ ^(all|ops|train|learn)$ ]] || refuse "unknown run $what; wanted ops, train or learn"

command -v "$PYTHON" >/dev/null || refuse "there is no $PYTHON; PYTHON names another interpreter"
missing=$("$PYTHON" -c '
import importlib.util, sys
print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name) is None])
' torch torchvision numpy scipy PIL click safetensors tqdm ninja pytest) ||
    refuse "$PYTHON does not run"
[[ -z $missing ]] || refuse "these Python packages are missing: $missing"
if [[ -z $rehearse ]]; then
    "$PYTHON" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
        refuse "torch finds no GPU here; --rehearse runs on the CPU with tiny sizes"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export TORCH_EXTENSIONS_DIR=$scratch/kernels
mkdir -p "$out"

if [[ -n $rehearse ]]; then
    common=(--device cpu --tiny --rounds 2 --out "$out")
    tests=(tests/ops)
else
    common=(--device cuda --out "$out")
    tests=(tests)
fi

summary=() failed=0

# stage NAME SECONDS COMMAND...: run it within its limit and within what is left of the whole.
stage() {
    local name=$1 limit=$2 left=$((LIMIT_SEC - SECONDS)) begin=$SECONDS status
    shift 2
    if ((left < 5)); then
        summary+=("$name: left out, the time was over") failed=1
        return
    fi
    ((limit > left)) && limit=$left
    echo "=== $name (at most $limit s)"
    timeout --kill-after=5 "$limit" "$@"
    status=$?
    case $status in
        0) summary+=("$name: passed, $((SECONDS - begin)) s") ;;
        124 | 137) summary+=("$name: stopped at its limit of $limit s") failed=1 ;;
        *) summary+=("$name: failed with $status, $((SECONDS - begin)) s") failed=1 ;;
    esac
}

bench() {
    local limit=$1 command=$2
    shift 2
    stage "$command" "$limit" "$PYTHON" -m benchmarks "$command" "${common[@]}" "$@"
}

# build FOLDER: the result goes there; where the run has enough files, the log tells it.
build() { bench 180 build --cache "$TORCH_EXTENSIONS_DIR" --out "$1"; }

gpu_tests() {
    stage "pytest -m gpu" "$1" \
        "$PYTHON" -m pytest -m gpu --continue-on-collection-errors "${tests[@]}"
}

# Every allocation on its own, so that memcheck sees what oversteps it.
memcheck() {
    if ! command -v compute-sanitizer >/dev/null; then
        summary+=("memcheck: left out, compute-sanitizer is not here")
        return
    fi
    PYTORCH_NO_CUDA_MEMORY_CACHING=1 stage memcheck "$1" \
        compute-sanitizer --tool memcheck --error-exitcode 9 \
        "$PYTHON" -m benchmarks ops --device cuda --tiny --rounds 1 --out "$scratch"
}

run_all() {
    build "$scratch"
    gpu_tests 150
    bench 90 ops --minutes 1.2 --precision bf16,fp16
    bench 60 standard --minutes 0.7
    bench 150 train --minutes 2 --precision bf16
}

run_ops() {
    build "$out"
    bench 210 ops --minutes 2.5
    gpu_tests 180
    memcheck 120
}

run_train() {
    build "$scratch"
    bench 330 train --minutes 4.5 --rounds 5
    bench 60 profile --precision bf16
    bench 75 generate --large --minutes 0.8
}

# Stand-ins for a rehearsal: a few built-in faces, and weights that mean nothing.
rehearsal_files() {
    "$PYTHON" -m stylegen data synth "$scratch/faces.zip" --count 32 --resolution 16 &&
        "$PYTHON" -c '
import sys, torch, torchvision
torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), sys.argv[1])
' "$scratch/weights.pth"
}

run_learn() {
    build "$scratch"
    bench 480 learn "$data" --features-weights "$weights" --work "$scratch/learn" \
        --minutes 6.5 "$@"
}

if [[ $what == learn ]]; then
    if [[ -n $rehearse && $# -lt 2 ]]; then
        rehearsal_files || refuse "the files for the rehearsal could not be made"
        data=$scratch/faces.zip weights=$scratch/weights.pth
        set -- --batch 8 --channel-base 64 --samples 16
    else
        [[ $# -ge 2 ]] || refuse "learn needs DATA and WEIGHTS"
        data=$1 weights=$2
        shift 2
        [[ -e $data ]] || refuse "there is no $data"
        [[ -e $weights ]] || refuse "there is no $weights"
    fi
    [[ -n $rehearse ]] || common+=(--precision bf16)
fi

# A log beside the results, under a name that is free.
log=$out/$(date -u +%Y-%m-%d)-gpu-$what${rehearse:+-rehearsal}
number=
while ! (set -o noclobber && : >"$log${number:+-$number}.log") 2>/dev/null; do
    number=$((${number:-1} + 1))
    ((number < 1000)) || refuse "no log can be written in $out"
done

{
    "run_$what" "$@"
    echo "=== $what: $SECONDS s"
    printf '%s\n' "${summary[@]}"
    exit "$failed"
} 2>&1 | tee "$log${number:+-$number}.log"
exit "${PIPESTATUS[0]}"
