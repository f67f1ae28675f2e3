#!/bin/bash
#SBATCH --job-name=budget
#SBATCH --time=04:00:00
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1      # one torchrun per node, which starts the processes
#SBATCH --gpus-per-node=4
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120      # to this script, 2 minutes before the end

# If the training has not ended by then, the job starts again from its checkpoint.
trap 'scontrol requeue "$SLURM_JOB_ID"; exit 0' USR1

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
endpoint="$first:$((20000 + SLURM_JOB_ID % 10000))"
srun torchrun --nnodes "$SLURM_NNODES" --nproc-per-node "$SLURM_GPUS_ON_NODE" \
    --rdzv-backend c10d --rdzv-endpoint "$endpoint" --rdzv-id "$SLURM_JOB_ID" \
    budget.py 43200 &
# A job that has ended before the budget of 12 hours is used starts again, too.
if wait $! && [ ! -e done ]; then scontrol requeue "$SLURM_JOB_ID"; fi
