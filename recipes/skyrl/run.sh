#!/bin/bash
# GRPO with SkyRL over a Sleuth server; to be run in a checkout of SkyRL. MODEL, DATA and GPUS may be set.
set -euo pipefail
data=${DATA:-/tmp/sleuth-skyrl}
uv run --isolated --frozen --extra fsdp -m skyrl.train.entrypoints.main_base \
    data.train_data="['$data/train.parquet']" \
    data.val_data="['$data/validation.parquet']" \
    trainer.algorithm.advantage_estimator=grpo \
    trainer.algorithm.use_kl_loss=true \
    trainer.algorithm.kl_loss_coef=0.001 \
    trainer.policy.optimizer_config.lr=1.0e-6 \
    trainer.policy.model.path="${MODEL:-Qwen/Qwen2.5-3B-Instruct}" \
    trainer.placement.colocate_all=true \
    trainer.strategy=fsdp2 \
    trainer.placement.policy_num_gpus_per_node="${GPUS:-8}" \
    trainer.placement.ref_num_gpus_per_node="${GPUS:-8}" \
    trainer.epochs=1 \
    trainer.train_batch_size=512 \
    trainer.policy_mini_batch_size=256 \
    trainer.micro_forward_batch_size_per_gpu=4 \
    trainer.micro_train_batch_size_per_gpu=4 \
    trainer.max_prompt_length=2048 \
    trainer.logger=console \
    trainer.project_name=sleuth \
    trainer.run_name=search \
    generator.inference_engine.num_engines=4 \
    generator.inference_engine.tensor_parallel_size=2 \
    generator.inference_engine.backend=vllm \
    generator.inference_engine.run_engines_locally=true \
    generator.inference_engine.weight_sync_backend=nccl \
    generator.inference_engine.gpu_memory_utilization=0.5 \
    generator.inference_engine.async_engine=true \
    generator.batched=false \
    generator.use_conversation_multi_turn=true \
    generator.append_eos_token_after_stop_str_in_multi_turn=true \
    generator.max_input_length=4096 \
    generator.max_turns=4 \
    generator.n_samples_per_prompt=5 \
    generator.sampling_params.max_generate_length=500 \
    generator.sampling_params.stop='["</search>", "</answer>"]' \
    environment.env_class=search \
    environment.skyrl_gym.max_env_workers=16 \
    environment.skyrl_gym.search.search_url="${SLEUTH:-http://127.0.0.1:8000}/retrieve" \
    environment.skyrl_gym.search.topk=3 \
    environment.skyrl_gym.search.log_requests=false "$@"
